import type { HostCall, HostDeviceDma, TableAccess, TableGroupOp } from '@spapr-dma/protocol';
import { hostCall } from './host-calls.js';
import { hostDeviceDma } from './host-device-dma.js';
import type { Outcome, PowernvSent, Running } from './sent.js';
import { type PowernvState, withoutForgotten } from './state.js';
import { tableGroupOp } from './table-group-ops.js';
import { tceKill } from './tce-kill.js';
import { tceXchg } from './tce-xchg.js';
import { userspaceSlotRead, userspaceSlotWrite } from './userspace-slot.js';

/** Everything this machine receives. */
export type PowernvReceived = TableGroupOp | TableAccess | HostCall | HostDeviceDma;

function answerTo(running: Running, message: PowernvReceived): PowernvSent {
  switch (message.type) {
    case 'tce_xchg':
      return tceXchg(running, message);
    case 'userspace_slot_read':
      return userspaceSlotRead(running, message);
    case 'userspace_slot_write':
      return userspaceSlotWrite(running, message);
    case 'tce_kill':
      return tceKill(running, message);
    case 'host-device-dma':
      return hostDeviceDma(running, message);
    case 'bind-driver':
    case 'unbind-driver':
    case 'dma_map':
    case 'dma_unmap':
    case 'remove-device':
    case 'rescan':
    case 'sriov_numvfs':
    case 'fail-next':
      return hostCall(running, message);
    default:
      return tableGroupOp(running, message);
  }
}

/** What a message does to the platform: the next state, and what was said on the way, the answer last. */
export function outcomeOf(powernv: PowernvState, message: PowernvReceived): Outcome {
  const running: Running = { powernv, thread: message.thread, sent: [] };
  const answer = answerTo(running, message);
  return { powernv: withoutForgotten(running.powernv), sent: [...running.sent, answer] };
}
