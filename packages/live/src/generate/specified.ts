import type { QemuState } from '@spapr-dma/qemu-spapr';
import type { QemuAnswer, QemuCall, QemuMachine } from '@spapr-dma/trace';

/** What the generator sees: a specification that has made every call so far. It never sees a QEMU. */
export interface Specified {
  readonly machine: QemuMachine;
  readonly state: QemuState;
  /** What the call would be answered; the state stays. */
  predict(call: QemuCall): QemuAnswer;
}

/** A range of guest memory, bytes. */
export interface GuestRange {
  readonly start: bigint;
  readonly bytes: bigint;
}

/** Where in guest memory a generator may put things, and where a device must not reach. */
export interface GuestPlaces {
  /** Pages of 4 KiB for the lists of H_PUT_TCE_INDIRECT; they are used one after the other, round and round. */
  readonly lists: GuestRange;
  /** Memory that the side that is asked needs for itself: no transfer of a device touches it. */
  readonly reserved: readonly GuestRange[];
}
