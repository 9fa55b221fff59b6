import {
  type Errno,
  type KvmCall,
  type KvmReturn,
  type Liobn,
  type TceIndex,
  tceCount,
  tceIndex,
  tce as tceValue,
  threadId,
  type ViewAccess,
  type ViewReturn,
  type ViewRun,
} from '@spapr-dma/protocol';
import { forEachRun, type TceTable, tceAt, tceTable, withFill } from '@spapr-dma/tce-table';
import {
  KVM_CAPS_ALL,
  type KvmCaps,
  QEMU_7_2,
  type QemuConfig,
  type QemuReceived,
  type QemuSent,
} from '../src/index.ts';
import { type Qemu, type Stepped, send, step } from './machine.ts';

type ToKvm = KvmCall | ViewAccess;
const isToKvm = (message: QemuSent): message is ToKvm =>
  message.to === 'kvm' && message.type !== 'hcall-return' && message.type !== 'rtas-return';

/** A KVM with just enough sense to hold guest views: descriptors from 1000, refusals on demand. */
export class FakeKvm {
  /** What it was asked, in order. */
  readonly log: string[] = [];
  readonly views = new Map<Liobn, TceTable>();
  /** What is answered instead of success. */
  refuse: (call: KvmCall) => Errno | undefined = () => undefined;
  /** A vCPU's turn: before each answer. */
  meanwhile: (call: ToKvm) => void = () => {};
  readonly #files = new Map<number, Liobn>();

  answer(call: ToKvm): KvmReturn | ViewReturn {
    this.log.push(textOf(call));
    this.meanwhile(call);
    const { thread } = call;
    const envelope = { from: 'kvm', to: 'qemu-spapr', thread } as const;
    if (call.type === 'view_load' || call.type === 'view_store' || call.type === 'view_bulk_load') {
      return { ...envelope, type: 'view-return', call: call.type, faults: 0, ...this.#access(call) };
    }
    const errno = this.refuse(call);
    const result =
      errno === undefined
        ? ({ ok: true, value: this.#file(call) } as const)
        : ({ ok: false, errno } as const);
    return { ...envelope, type: 'kvm-return', call: call.type, result };
  }

  #file(call: KvmCall): number {
    if (call.type === 'close') {
      this.views.delete(this.#files.get(call.fd)!);
      this.#files.delete(call.fd);
    }
    if (call.type !== 'KVM_CREATE_SPAPR_TCE_64' && call.type !== 'KVM_CREATE_SPAPR_TCE') return 0;
    let fd = 1000;
    while (this.#files.has(fd)) fd++;
    this.#files.set(fd, call.liobn);
    const entries = call.type === 'KVM_CREATE_SPAPR_TCE' ? call.windowSize >> 12n : call.size;
    this.views.set(call.liobn, tceTable(tceCount(Number(entries))));
    return fd;
  }

  #access(call: ViewAccess): { readonly tce: bigint | null; readonly runs: readonly ViewRun[] } {
    const view = this.views.get(call.liobn);
    if (view === undefined) return { tce: null, runs: [] };
    if (call.type === 'view_load') return { tce: tceAt(view, call.index), runs: [] };
    if (call.type === 'view_store') {
      const { index, count, tce } = call;
      this.views.set(call.liobn, withFill(view, index, tceCount(count), tceValue(tce)));
      return { tce: null, runs: [] };
    }
    const runs: ViewRun[] = [];
    forEachRun(view, (index, count, high, low) => {
      runs.push({ index, count, tce: (BigInt(high) << 32n) | BigInt(low), stride: 0n });
    });
    return { tce: null, runs };
  }

  /** What a vCPU's H_PUT_TCE in the kernel does. */
  put(liobn: Liobn, index: number, tce: bigint): void {
    const view = this.views.get(liobn);
    if (view === undefined) throw new Error('the call would have gone to QEMU');
    this.views.set(liobn, withFill(view, tceIndex(index), tceCount(1), tceValue(tce)));
  }
  at(liobn: Liobn, index: number): bigint {
    return tceAt(this.views.get(liobn)!, index as TceIndex);
  }
  /** What it was asked since the last time. */
  asked(): readonly string[] {
    return this.log.splice(0);
  }
}

/** A call in one line: its name, and its numbers. */
function textOf(call: ToKvm): string {
  const { type, from: _, to: __, thread: ___, ...fields } = call;
  const values = Object.values(fields).map((value) =>
    typeof value === 'bigint' || (typeof value === 'number' && value > 0xffff)
      ? `0x${value.toString(16)}`
      : String(value),
  );
  return [type, ...values].join(' ');
}

/** Sends a message and plays KVM until nothing waits for it. */
export function sendWith(kvm: FakeKvm, qemu: Qemu, message: QemuReceived): Stepped {
  if (!qemu.can(message)) throw new Error(`${JSON.stringify(qemu.value)} does not take ${message.type}`);
  let at = send(qemu, message);
  const sent = [...at.sent];
  const pending = at.sent.filter(isToKvm);
  for (let call = pending.shift(); call !== undefined; call = pending.shift()) {
    const answer = kvm.answer(call);
    if (!at.qemu.can(answer)) throw new Error(`nobody takes the ${answer.type} of ${answer.call}`);
    at = send(at.qemu, answer);
    sent.push(...at.sent);
    pending.push(...at.sent.filter(isToKvm));
  }
  return { qemu: at.qemu, sent };
}

/** The same for many messages. */
export const afterWith = (kvm: FakeKvm, qemu: Qemu, ...messages: readonly QemuReceived[]): Qemu =>
  messages.reduce((at, message) => sendWith(kvm, at, message).qemu, qemu);

/** QEMU 7.2 beside a KVM with these capabilities. */
export const besideKvm = (
  caps: Partial<KvmCaps> = {},
  { switches, ...others }: Partial<QemuConfig> = {},
): QemuConfig => ({
  ...QEMU_7_2,
  kvm: { ...KVM_CAPS_ALL, ...caps },
  ...others,
  switches: { ...QEMU_7_2.switches, ...switches },
});

export const startMain = step(threadId('main'));
