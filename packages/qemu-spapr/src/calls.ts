import type {
  Cont,
  DeviceAdd,
  DeviceDel,
  DeviceDma,
  Hcall,
  HUnknown,
  Kill,
  KvmReturn,
  Migrate,
  MigrateIncoming,
  Quit,
  RegisterIommuNotifier,
  RtasCall,
  RtasUnknown,
  Step,
  Stop,
  SystemReset,
  ThreadId,
  UnregisterIommuNotifier,
  VfioReturn,
  ViewReturn,
} from '@spapr-dma/protocol';
import { deviceAdd } from './device-add.js';
import { deviceDel } from './device-del.js';
import { deviceDma, dmaGoesOn } from './device-dma.js';
import { getSensorState, ibmConfigureConnector, setIndicator } from './dr-calls.js';
import type { Frame } from './frames.js';
import { hGetTce } from './h-get-tce.js';
import { hPutTce } from './h-put-tce.js';
import { hPutTceIndirect } from './h-put-tce-indirect.js';
import { hStuffTce } from './h-stuff-tce.js';
import { ibmQueryPeDmaWindow } from './ibm-query-pe-dma-window.js';
import { ibmSetTceBypass } from './ibm-set-tce-bypass.js';
import { registerIommuNotifier, unregisterIommuNotifier } from './iommu-notifiers.js';
import { migrate, migrationBlocker } from './migrate.js';
import { migrateIncoming } from './post-load.js';
import { isLong } from './put-tce.js';
import { hcallReturn, monitorReturn, type Outcome, rtasReturn } from './sent.js';
import { type QemuState, tableOf } from './state.js';
import { systemReset } from './system-reset.js';
import type { Resting } from './task.js';
import { begin, MAIN_THREAD, RCU_THREAD, type TaskOutcome } from './task-run.js';
import { usesVfio } from './vfio-hooks.js';
import { hFreeCrq, hRegCrq } from './vio-crq.js';

/** Everything this machine receives. */
export type QemuReceived =
  | Hcall
  | RtasCall
  | DeviceAdd
  | DeviceDel
  | SystemReset
  | Stop
  | Cont
  | Kill
  | Quit
  | Migrate
  | MigrateIncoming
  | DeviceDma
  | RegisterIommuNotifier
  | UnregisterIommuNotifier
  | KvmReturn
  | VfioReturn
  | ViewReturn
  | Step<'qemu-spapr'>;

/** An opcode nobody registered. */
const unknownHcall = (qemu: QemuState, call: HUnknown): Outcome => ({
  qemu,
  sent: [hcallReturn(call, 'H_FUNCTION')],
});

/** A token nobody registered: the hypercall that carried it fails too. */
const unknownRtas = (qemu: QemuState, call: RtasCall): Outcome => ({
  qemu,
  sent: [rtasReturn(call, 'PARAM_ERROR', [], 'H_PARAMETER')],
});

/** What is done within one step. Before qemu-2.7 the DDW calls have no token. */
const CALLS = {
  H_PUT_TCE: hPutTce,
  H_PUT_TCE_INDIRECT: hPutTceIndirect,
  H_STUFF_TCE: hStuffTce,
  H_GET_TCE: hGetTce,
  H_REG_CRQ: hRegCrq,
  H_FREE_CRQ: hFreeCrq,
  hcall: unknownHcall,
  'ibm,query-pe-dma-window': (
    qemu: QemuState,
    call: Extract<RtasCall, { type: 'ibm,query-pe-dma-window' }>,
  ) => (qemu.config.features.ddwCalls ? ibmQueryPeDmaWindow(qemu, call) : unknownRtas(qemu, call)),
  'ibm,set-tce-bypass': ibmSetTceBypass,
  'set-indicator': setIndicator,
  'get-sensor-state': getSensorState,
  'ibm,configure-connector': ibmConfigureConnector,
  rtas: (qemu: QemuState, call: RtasUnknown) => unknownRtas(qemu, call),
  stop: (qemu: QemuState) => ({ qemu, sent: [monitorReturn('stop')] }),
  cont: (qemu: QemuState) => ({ qemu, sent: [monitorReturn('cont')] }),
  quit: (qemu: QemuState) => ({ qemu, sent: [monitorReturn('quit')] }),
  'device-dma': deviceDma,
  'unregister-iommu-notifier': (qemu: QemuState, { phb }: UnregisterIommuNotifier) =>
    unregisterIommuNotifier(qemu, phb),
} satisfies {
  [Type in QemuReceived['type']]?: (qemu: QemuState, call: Extract<QemuReceived, { type: Type }>) => Outcome;
};

/** Where the big lock is free, who takes it, and the function that is called. */
interface Task {
  readonly thread: ThreadId;
  readonly resting: Resting;
  readonly frame: Frame;
}

const DDW_CALLS = {
  'ibm,create-pe-dma-window': 'rtas_ibm_create_pe_dma_window',
  'ibm,remove-pe-dma-window': 'rtas_ibm_remove_pe_dma_window',
  'ibm,reset-pe-dma-window': 'rtas_ibm_reset_pe_dma_window',
} as const;

/** The function of a call of the guest, which may take many steps. */
function frameOfCall(call: Hcall | RtasCall): Frame | undefined {
  switch (call.type) {
    case 'H_PUT_TCE':
      return { fn: 'h_put_tce', at: 'begin', call };
    case 'H_PUT_TCE_INDIRECT':
      return { fn: 'h_put_tce_indirect', at: 'begin', call, done: 0 };
    case 'H_STUFF_TCE':
      return { fn: 'h_stuff_tce', at: 'begin', call, done: 0, batch: 0 };
    case 'H_GET_TCE':
      return { fn: 'h_get_tce', at: 'begin', call };
    case 'ibm,create-pe-dma-window':
      return { fn: DDW_CALLS[call.type], at: 'begin', call, liobn: 0 as never };
    case 'ibm,remove-pe-dma-window':
      return { fn: DDW_CALLS[call.type], at: 'begin', call, defWin: false };
    case 'ibm,reset-pe-dma-window':
      return { fn: DDW_CALLS[call.type], at: 'begin', call };
    case 'quiesce':
      return { fn: 'rtas_quiesce', at: 'begin', call };
    default:
      return undefined;
  }
}

/** The function of a command, and where QEMU rests afterwards. */
function taskOfCommand(qemu: QemuState, message: QemuReceived, resting: Resting): Task | undefined {
  const onMain = (frame: Frame, then: Resting = resting): Task => ({
    thread: MAIN_THREAD,
    resting: then,
    frame,
  });
  switch (message.type) {
    case 'device_add':
      return onMain(deviceAdd(message.device, resting === 'realized' ? 'cold' : 'hot'));
    case 'device_del':
      if (message.target.kind !== 'memory') return undefined;
      return onMain({ fn: 'pc_dimm_unplug', at: 'begin', gpa: message.target.gpa });
    case 'system_reset':
      return onMain(systemReset(qemu, resting === 'realized'), resting === 'realized' ? 'running' : resting);
    case 'migrate':
      return migrationBlocker(qemu) === undefined ? onMain(migrate(qemu), 'paused') : undefined;
    case 'migrate-incoming':
      return onMain(migrateIncoming(message.stream));
    case 'register-iommu-notifier':
      return onMain(registerIommuNotifier(message.phb));
    case 'step':
      return { thread: RCU_THREAD, resting, frame: { fn: 'call_rcu_thread', at: 'begin' } };
    default:
      return undefined;
  }
}

const isGuestCall = (message: QemuReceived): message is Hcall | RtasCall =>
  'thread' in message && !('call' in message);

/** Does a hypercall for one of the TCE tables take more than one step? */
export function isLongHcall(qemu: QemuState, message: QemuReceived): boolean {
  // A machine alone is asked often, by who follows its log: it is told apart first.
  if ((qemu.config.kvm === null && !usesVfio(qemu)) || !('liobn' in message)) return false;
  const table = tableOf(qemu, message.liobn);
  return table?.mode === 'enabled' && isLong(qemu, table);
}

/**
 * A message is taken while the big lock is free, by a thread that then holds it: what it does at once, and whether
 * it holds the lock on.
 */
export function taken(qemu: QemuState, message: QemuReceived, resting: Resting): TaskOutcome {
  const frame = isGuestCall(message) ? frameOfCall(message) : undefined;
  if (frame !== undefined && isGuestCall(message)) {
    if (message.type in DDW_CALLS && !qemu.config.features.ddwCalls)
      return over(unknownRtas(qemu, message as RtasCall), resting);
    return begin(qemu, message.thread, resting, frame);
  }
  const task = taskOfCommand(qemu, message, resting);
  if (task !== undefined) return begin(qemu, task.thread, task.resting, task.frame);
  return over(direct(qemu, message), resting);
}

/** A call that is over within one step. */
const over = ({ qemu, sent }: Outcome, goes: Resting): TaskOutcome => ({ qemu, sent, goes });

/** What needs no more than one step, whoever holds the big lock. */
function direct(qemu: QemuState, message: QemuReceived): Outcome {
  switch (message.type) {
    case 'device_del':
      return deviceDel(qemu, message);
    case 'migrate':
      return { qemu, sent: [monitorReturn('migrate', migrationBlocker(qemu))] };
    case 'view-return':
      return dmaGoesOn(qemu, message);
    default: {
      const call = CALLS[message.type as keyof typeof CALLS] as (
        qemu: QemuState,
        message: QemuReceived,
      ) => Outcome;
      return call(qemu, message);
    }
  }
}

/** What a call of the guest does to a running machine where it takes one step, and an answer to a transfer. */
export const outcomeOf = direct;
