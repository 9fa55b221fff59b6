import type { DrStatus, RtasStatus } from './codes.js';
import type { Call } from './message.js';

/**
 * RTAS calls of the guest, always answered by QEMU; where there is KVM they pass through it. `args` holds the argument cells (32 bits each) as
 * given, however many those are; `nret` is the number of return cells asked for, the status included.
 */
interface RtasCallOf<Type extends string> extends Call<Type, 'guest-kernel' | 'kvm', 'kvm' | 'qemu-spapr'> {
  readonly args: readonly number[];
  readonly nret: number;
}

/** args: config_addr, buid_hi, buid_lo; nret 5 or 6. */
export type IbmQueryPeDmaWindow = RtasCallOf<'ibm,query-pe-dma-window'>;
/** args: config_addr, buid_hi, buid_lo, page_shift, window_shift; nret 4. */
export type IbmCreatePeDmaWindow = RtasCallOf<'ibm,create-pe-dma-window'>;
/** args: liobn; nret 1. */
export type IbmRemovePeDmaWindow = RtasCallOf<'ibm,remove-pe-dma-window'>;
/** args: config_addr, buid_hi, buid_lo; nret 1. */
export type IbmResetPeDmaWindow = RtasCallOf<'ibm,reset-pe-dma-window'>;
/** args: unit, enable; nret 1. VIO only. */
export type IbmSetTceBypass = RtasCallOf<'ibm,set-tce-bypass'>;
/** No arguments; nret 1. Firmware's last call before it starts the kernel: zeroes the VIO tables. */
export type Quiesce = RtasCallOf<'quiesce'>;
/** args: indicator type, DRC index, state; nret 1. */
export type SetIndicator = RtasCallOf<'set-indicator'>;
/** args: sensor type, DRC index; nret 2. */
export type GetSensorState = RtasCallOf<'get-sensor-state'>;
/** args: work area, extent; nret 1. Abstraction: the work area's DRC index stands in args[0]. */
export type IbmConfigureConnector = RtasCallOf<'ibm,configure-connector'>;

/** A token that QEMU did not register. */
export interface RtasUnknown extends RtasCallOf<'rtas'> {
  readonly token: number;
}

export type DdwCall = IbmQueryPeDmaWindow | IbmCreatePeDmaWindow | IbmRemovePeDmaWindow | IbmResetPeDmaWindow;
export type DrCall = SetIndicator | GetSensorState | IbmConfigureConnector;
export type RtasCall = DdwCall | IbmSetTceBypass | Quiesce | DrCall | RtasUnknown;
export type RtasName = RtasCall['type'];

/** What the guest finds in the return cells. A refused call writes the status and leaves the other cells alone. */
export interface RtasReturn extends Call<'rtas-return', 'qemu-spapr' | 'kvm', 'kvm' | 'guest-kernel'> {
  readonly call: RtasName;
  readonly status: RtasStatus | DrStatus;
  /** The cells after the status, unsigned; empty where they were left untouched. */
  readonly outputs: readonly number[];
  /** r3 of the hypercall that carried it: H_PARAMETER for a token nobody registered. */
  readonly hcallStatus: 'H_SUCCESS' | 'H_PARAMETER';
}

/** `set-indicator` types that drive dynamic reconfiguration. @see [LoPAR] "Indicators" */
export const INDICATORS = { ISOLATION_STATE: 9001, DR: 9002, ALLOCATION_STATE: 9003 } as const;
/** Values of the isolation indicator. */
export const ISOLATION_STATES = { ISOLATED: 0, UNISOLATED: 1 } as const;
/** Values of the allocation indicator. */
export const ALLOCATION_STATES = { UNUSABLE: 0, USABLE: 1, EXCHANGE: 2, RECOVER: 3 } as const;
/** The sensor that tells whether a connector holds a device. */
export const DR_ENTITY_SENSE = 9003;
