import { HCALL_CODES, type Hcall, type HcallReturn, type TceHcall } from '@spapr-dma/protocol';
import { type Answer, hex, returned } from './answer.js';
import type { Arguments } from './arguments.js';
import { answerIn, type Caller, VCPU } from './caller.js';

/** What the recorded VMM answers to a hypercall that KVM leaves to it. */
const FROM_USERSPACE = -9999;

const TYPES: ReadonlySet<string> = new Set<TceHcall['type']>([
  'H_PUT_TCE',
  'H_GET_TCE',
  'H_STUFF_TCE',
  'H_PUT_TCE_INDIRECT',
]);

export const isTceHcall = (op: string): op is TceHcall['type'] => TYPES.has(op);

/** The guest's hypercall: `a2` and `a3` are the registers behind LIOBN and IOBA. */
function messageOf(type: TceHcall['type'], args: Arguments, tces: readonly bigint[]): TceHcall {
  const register = (name: string): bigint => args.bigint(name, 0n);
  const base = { from: 'guest-kernel', to: 'kvm', thread: VCPU } as const;
  const [liobn, ioba, third, npages] = ['liobn', 'ioba', 'a2', 'a3'].map(register) as [
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  switch (type) {
    case 'H_PUT_TCE':
      return { ...base, type, liobn, ioba, tce: third };
    case 'H_GET_TCE':
      return { ...base, type, liobn, ioba };
    case 'H_STUFF_TCE':
      return { ...base, type, liobn, ioba, tceValue: third, npages };
    case 'H_PUT_TCE_INDIRECT':
      return { ...base, type, liobn, ioba, tceList: third, npages, tces };
  }
}

/**
 * A hypercall of the guest. `r4` is what the register holds afterwards: the TCE that was read, else the LIOBN that
 * the call began with.
 */
export function playHcall({ host, inputs }: Caller, op: TceHcall['type'], args: Arguments): Answer {
  const message = messageOf(op, args, inputs.tces);
  const sent = host.send(message);
  const left = sent.find((each) => each.to === 'qemu-spapr' && each.type === op) as Hcall | undefined;
  const r4 = (tce: bigint | null): string => hex(tce ?? message.liobn);
  if (left === undefined) {
    const { status, tce } = answerIn<'hcall-return', HcallReturn>(sent, 'hcall-return');
    return returned(0, { h_ret: `${HCALL_CODES[status]}`, r4: r4(tce), to_userspace: '0' });
  }
  const reply: HcallReturn = {
    type: 'hcall-return',
    from: 'qemu-spapr',
    to: 'kvm',
    thread: VCPU,
    call: op,
    status: 'H_TOO_HARD',
    tce: null,
  };
  answerIn<'hcall-return', HcallReturn>(host.send(reply), 'hcall-return');
  return returned(0, { h_ret: `${FROM_USERSPACE}`, r4: r4(null), to_userspace: '1' });
}
