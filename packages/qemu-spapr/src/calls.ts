import {
  type Cont,
  type DeviceAdd,
  type DeviceDel,
  type DeviceDma,
  type Hcall,
  type HUnknown,
  type Migrate,
  type MigrateIncoming,
  type RegisterIommuNotifier,
  type RtasCall,
  type RtasUnknown,
  type Step,
  type Stop,
  type SystemReset,
  threadId,
  type UnregisterIommuNotifier,
} from '@spapr-dma/protocol';
import { deviceAdd } from './device-add.js';
import { deviceDel, rcuFrees } from './device-del.js';
import { deviceDma } from './device-dma.js';
import { getSensorState, ibmConfigureConnector, setIndicator } from './dr-calls.js';
import { hGetTce } from './h-get-tce.js';
import { hPutTce } from './h-put-tce.js';
import { hPutTceIndirect } from './h-put-tce-indirect.js';
import { hStuffTce } from './h-stuff-tce.js';
import { finishCreate, ibmCreatePeDmaWindow } from './ibm-create-pe-dma-window.js';
import { ibmQueryPeDmaWindow } from './ibm-query-pe-dma-window.js';
import { ibmRemovePeDmaWindow } from './ibm-remove-pe-dma-window.js';
import { ibmResetPeDmaWindow } from './ibm-reset-pe-dma-window.js';
import { ibmSetTceBypass } from './ibm-set-tce-bypass.js';
import { registerIommuNotifier, unregisterIommuNotifier } from './iommu-notifiers.js';
import { migrate } from './migrate.js';
import { migrateIncoming } from './post-load.js';
import { quiesce } from './quiesce.js';
import { hcallReturn, monitorReturn, type Outcome, rtasReturn } from './sent.js';
import type { QemuState } from './state.js';
import { systemReset } from './system-reset.js';
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
  | Migrate
  | MigrateIncoming
  | DeviceDma
  | RegisterIommuNotifier
  | UnregisterIommuNotifier
  | Step<'qemu-spapr'>;

const DDW_CALLS = {
  'ibm,query-pe-dma-window': ibmQueryPeDmaWindow,
  'ibm,create-pe-dma-window': ibmCreatePeDmaWindow,
  'ibm,remove-pe-dma-window': ibmRemovePeDmaWindow,
  'ibm,reset-pe-dma-window': ibmResetPeDmaWindow,
} as const;

/** The thread that runs RCU callbacks. */
export const RCU_THREAD = threadId('rcu');

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

/** Before qemu-2.7 the DDW calls have no token. */
const ifRegistered =
  <Call extends RtasCall>(call: (qemu: QemuState, call: Call) => Outcome) =>
  (qemu: QemuState, message: Call): Outcome =>
    qemu.config.features.ddwCalls ? call(qemu, message) : unknownRtas(qemu, message);

/** What each message does where the machine takes it. A message of the same name is never two calls. */
const CALLS = {
  H_PUT_TCE: hPutTce,
  H_PUT_TCE_INDIRECT: hPutTceIndirect,
  H_STUFF_TCE: hStuffTce,
  H_GET_TCE: hGetTce,
  H_REG_CRQ: hRegCrq,
  H_FREE_CRQ: hFreeCrq,
  hcall: unknownHcall,
  'ibm,query-pe-dma-window': ifRegistered(DDW_CALLS['ibm,query-pe-dma-window']),
  'ibm,create-pe-dma-window': ifRegistered(DDW_CALLS['ibm,create-pe-dma-window']),
  'ibm,remove-pe-dma-window': ifRegistered(DDW_CALLS['ibm,remove-pe-dma-window']),
  'ibm,reset-pe-dma-window': ifRegistered(DDW_CALLS['ibm,reset-pe-dma-window']),
  'ibm,set-tce-bypass': ibmSetTceBypass,
  quiesce,
  'set-indicator': setIndicator,
  'get-sensor-state': getSensorState,
  'ibm,configure-connector': ibmConfigureConnector,
  rtas: (qemu: QemuState, call: RtasUnknown) => unknownRtas(qemu, call),
  device_add: (qemu: QemuState, call: DeviceAdd) => deviceAdd(qemu, call, 'hot'),
  device_del: deviceDel,
  system_reset: (qemu: QemuState) => systemReset(qemu),
  stop: (qemu: QemuState) => ({ qemu, sent: [monitorReturn('stop')] }),
  cont: (qemu: QemuState) => ({ qemu, sent: [monitorReturn('cont')] }),
  migrate: (qemu: QemuState) => migrate(qemu),
  'migrate-incoming': (qemu: QemuState, { stream }: MigrateIncoming) => migrateIncoming(qemu, stream),
  'device-dma': deviceDma,
  'register-iommu-notifier': (qemu: QemuState, { phb }: RegisterIommuNotifier) =>
    registerIommuNotifier(qemu, phb),
  'unregister-iommu-notifier': (qemu: QemuState, { phb }: UnregisterIommuNotifier) =>
    unregisterIommuNotifier(qemu, phb),
  step: (qemu: QemuState, { thread }: Step<'qemu-spapr'>) =>
    thread === RCU_THREAD ? { qemu: rcuFrees(qemu), sent: [] } : finishCreate(qemu),
} satisfies {
  [Type in QemuReceived['type']]: (qemu: QemuState, call: Extract<QemuReceived, { type: Type }>) => Outcome;
};

/** What a message does to a running machine, decided in one place for the chart's guards and actions. */
export function outcomeOf(qemu: QemuState, message: QemuReceived): Outcome {
  const call = CALLS[message.type] as (qemu: QemuState, message: QemuReceived) => Outcome;
  return call(qemu, message);
}
