import {
  DR_STATUSES,
  HCALL_CODES,
  ioba,
  RTAS_STATUSES,
  type RtasReturn,
  threadId,
  unreachable,
} from '@spapr-dma/protocol';
import { type QemuReceived, type QemuSent, RCU_THREAD } from '@spapr-dma/qemu-spapr';
import type { DmaMade, HcallMade, MonitorMade, QemuAnswer, QemuCall } from './qemu-call.js';

const VCPU = threadId('vcpu0');
const DEVICE = threadId('edu');
const GUEST = { from: 'guest-kernel', to: 'qemu-spapr', thread: VCPU } as const;
const ENVIRONMENT = { from: 'environment', to: 'qemu-spapr' } as const;

/** Everything that one step of the machine takes; a migration is more than one. */
export type StepCall = Exclude<QemuCall, { readonly op: 'migrate' }>;

/** The message that a call is. */
export function messageOf(call: StepCall): QemuReceived {
  switch (call.kind) {
    case 'hcall':
      return hcallMessage(call);
    case 'rtas':
      return { ...GUEST, type: call.op, args: call.args, nret: call.nret };
    case 'dma':
      return dmaMessage(call);
    case 'monitor':
      return monitorMessage(call);
  }
}

/** Written out, because nearly every call is one of these. */
function hcallMessage({ op, args, list }: HcallMade): QemuReceived {
  const [liobn = 0n, address = 0n, third = 0n, npages = 0n] = args;
  const { from, to, thread } = GUEST;
  switch (op) {
    case 'H_PUT_TCE':
      return { type: op, from, to, thread, liobn, ioba: address, tce: third };
    case 'H_GET_TCE':
      return { type: op, from, to, thread, liobn, ioba: address };
    case 'H_STUFF_TCE':
      return { type: op, from, to, thread, liobn, ioba: address, tceValue: third, npages };
    case 'H_PUT_TCE_INDIRECT':
      return { type: op, from, to, thread, liobn, ioba: address, tceList: third, npages, tces: list };
  }
}

const dmaMessage = ({ op, phb, ioba: address, bytes }: DmaMade): QemuReceived => ({
  ...ENVIRONMENT,
  type: 'device-dma',
  thread: DEVICE,
  target: { kind: 'phb', index: phb },
  ioba: ioba(address),
  bytes,
  access: op === 'dma-read' ? 'read' : 'write',
});

function monitorMessage(call: Exclude<MonitorMade, { readonly op: 'migrate' }>): QemuReceived {
  switch (call.op) {
    case 'device_add':
      return { ...ENVIRONMENT, type: 'device_add', device: call.device };
    case 'device_del':
      return { ...ENVIRONMENT, type: 'device_del', target: call.target };
    case 'rcu':
      return { ...ENVIRONMENT, type: 'step', thread: RCU_THREAD };
    case 'system_reset':
      return { ...ENVIRONMENT, type: 'system_reset' };
    default:
      return unreachable(`a machine has no command ${call satisfies never}`);
  }
}

const STATUSES = { ...RTAS_STATUSES, ...DR_STATUSES };
/** What a return cell holds that nobody wrote. */
const UNTOUCHED = 0xdead_beef;

function rtasAnswer({ status, outputs, hcallStatus }: RtasReturn, nret: number): QemuAnswer {
  const rets = Array.from({ length: nret }, (_, at) => {
    if (at === 0) return STATUSES[status];
    return outputs[at - 1] ?? UNTOUCHED;
  });
  return { kind: 'rtas', rc: HCALL_CODES[hcallStatus], rets };
}

/** What the messages of a step answer to a call; null where they say nothing, as many commands do that succeed. */
export function answerIn(call: StepCall, sent: readonly QemuSent[]): QemuAnswer | null {
  for (const message of sent) {
    switch (message.type) {
      case 'hcall-return':
        return { kind: 'hcall', rc: HCALL_CODES[message.status], tce: message.tce };
      case 'rtas-return':
        return rtasAnswer(message, call.kind === 'rtas' ? call.nret : 0);
      case 'dma-done':
        return { kind: 'dma', pieces: message.pieces };
      case 'monitor-return':
        return { kind: 'monitor', error: message.ok ? null : message.error };
      case 'qemu-aborted':
        return { kind: 'abort', text: message.assertion };
      default:
    }
  }
  return null;
}
