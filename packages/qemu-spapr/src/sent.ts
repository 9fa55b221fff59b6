import type {
  Cost,
  DmaDone,
  DrStatus,
  ErrorReport,
  Hcall,
  HcallCode,
  HcallReturn,
  HotplugEvent,
  IommuNotify,
  KvmCall,
  MonitorReturn,
  QemuAborted,
  RtasCall,
  RtasReturn,
  RtasStatus,
  Trace,
  TraceEvent,
  VfioCall,
  VfioTrace,
  ViewAccess,
} from '@spapr-dma/protocol';
import type { QemuState } from './state.js';

/** Everything this machine sends. */
export type QemuSent =
  | HcallReturn
  | RtasReturn
  | MonitorReturn
  | HotplugEvent
  | DmaDone
  | IommuNotify
  | QemuAborted
  | KvmCall
  | ViewAccess
  | VfioCall
  | Cost
  | ErrorReport
  | Trace
  | VfioTrace;

/** What a call leaves behind and what it says, decided together so that they cannot disagree. */
export interface Outcome {
  readonly qemu: QemuState;
  readonly sent: readonly QemuSent[];
}

/** A line QEMU writes into its trace log. */
export const traced = (line: TraceEvent): Trace => ({
  type: 'trace',
  from: 'qemu-spapr',
  to: 'environment',
  line,
});

/** The answer to a hypercall, to whom it came from. */
export const hcallReturn = (
  { type, from, thread }: Hcall,
  status: HcallCode,
  tce: bigint | null = null,
): HcallReturn => ({ type: 'hcall-return', from: 'qemu-spapr', to: from, thread, call: type, status, tce });

/** The answer to an RTAS call, to whom it came from; without outputs the other cells stay untouched. */
export const rtasReturn = (
  { type, from, thread }: RtasCall,
  status: RtasStatus | DrStatus,
  outputs: readonly number[] = [],
  hcallStatus: RtasReturn['hcallStatus'] = 'H_SUCCESS',
): RtasReturn => ({
  type: 'rtas-return',
  from: 'qemu-spapr',
  to: from,
  thread,
  call: type,
  status,
  outputs,
  hcallStatus,
});

/** An RTAS call refused: nothing changes, one status cell is written. */
export const refused = (qemu: QemuState, call: RtasCall, status: RtasStatus | DrStatus): Outcome => ({
  qemu,
  sent: [rtasReturn(call, status)],
});

export const monitorReturn = (
  command: string,
  error = '',
  stream: MonitorReturn['stream'] = null,
): MonitorReturn => ({
  type: 'monitor-return',
  from: 'qemu-spapr',
  to: 'environment',
  command,
  ok: error === '',
  error,
  stream,
});

/** What a step cost the modelled machine, where that is more than a single access. */
export const cost = (operation: Cost['operation'], count: number): Cost => ({
  type: 'cost',
  from: 'qemu-spapr',
  to: 'environment',
  operation,
  count,
});

/** Tells the guest that a device came, or shall go. */
export const hotplugEvent = (
  action: HotplugEvent['action'],
  resource: HotplugEvent['resource'],
  drcIndex: number,
  memory: HotplugEvent['memory'] = null,
): HotplugEvent => ({
  type: 'hotplug-event',
  from: 'qemu-spapr',
  to: 'guest-kernel',
  action,
  resource,
  drcIndex,
  memory,
});
