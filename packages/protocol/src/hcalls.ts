import type { HcallCode } from './codes.js';
import type { Call } from './message.js';

/**
 * Hypercalls of the guest, which KVM sees first and hands on to QEMU where it cannot answer. Arguments
 * are raw 64-bit registers: decoding them is the receiver's business and never throws.
 */
type FromGuest<Type extends string> = Call<Type, 'guest-kernel' | 'kvm', 'kvm' | 'qemu-spapr'>;

/** Writes one TCE. @see [LoPAR] "H_PUT_TCE" */
export interface HPutTce extends FromGuest<'H_PUT_TCE'> {
  readonly liobn: bigint;
  readonly ioba: bigint;
  readonly tce: bigint;
}

/**
 * Writes up to 512 TCEs from a list in guest memory.
 *
 * Abstraction: the call carries what stood at the list's address; entries past the end of `tces` read as 0.
 * @see [LoPAR] "H_PUT_TCE_INDIRECT"
 */
export interface HPutTceIndirect extends FromGuest<'H_PUT_TCE_INDIRECT'> {
  readonly liobn: bigint;
  readonly ioba: bigint;
  /** Guest physical address of the list. */
  readonly tceList: bigint;
  readonly npages: bigint;
  readonly tces: readonly bigint[];
}

/** Writes one value into consecutive TCEs. @see [LoPAR] "H_STUFF_TCE" */
export interface HStuffTce extends FromGuest<'H_STUFF_TCE'> {
  readonly liobn: bigint;
  readonly ioba: bigint;
  readonly tceValue: bigint;
  readonly npages: bigint;
}

/** Reads one TCE. @see [LoPAR] "H_GET_TCE" */
export interface HGetTce extends FromGuest<'H_GET_TCE'> {
  readonly liobn: bigint;
  readonly ioba: bigint;
}

/** Registers a VIO device's command queue. @see [QEMU] hw/ppc/spapr_vio.c: h_reg_crq */
export interface HRegCrq extends FromGuest<'H_REG_CRQ'> {
  readonly unit: bigint;
  readonly queue: bigint;
  readonly length: bigint;
}

/** Frees one VIO device's command queue; its TCE table is kept. @see [QEMU] hw/ppc/spapr_vio.c: h_free_crq */
export interface HFreeCrq extends FromGuest<'H_FREE_CRQ'> {
  readonly unit: bigint;
}

/** Any other opcode, which nobody implements here. */
export interface HUnknown extends FromGuest<'hcall'> {
  readonly opcode: bigint;
}

export type TceHcall = HPutTce | HPutTceIndirect | HStuffTce | HGetTce;
export type Hcall = TceHcall | HRegCrq | HFreeCrq | HUnknown;
export type HcallName = Hcall['type'];

/** The answer in r3, and r4 of a successful H_GET_TCE. */
export interface HcallReturn extends Call<'hcall-return', 'qemu-spapr' | 'kvm', 'kvm' | 'guest-kernel'> {
  readonly call: HcallName;
  readonly status: HcallCode;
  /** The TCE read, in r4; null where the call leaves r4 alone. */
  readonly tce: bigint | null;
}
