import type { UnitCosts } from '../costs.js';
import type { Settings } from '../settings.js';

/** What of a window the guest has mapped. */
export const FILLS = ['empty', 'sparse', 'dense'] as const;
export type Fill = (typeof FILLS)[number];

/** Policies side by side, on a machine that somebody describes. */
export interface ReplayRequest {
  readonly preset: string;
  /** Settings other than the preset's. */
  readonly set: Settings;
  /** log2 of the entries of each window that is tried; its pages are of 64K. */
  readonly entryShifts: readonly number[];
  readonly fills: readonly Fill[];
  /** Guest memory, bytes: a dense table maps all of it. */
  readonly ram: bigint;
  /** Seconds after which a guest reports that a vCPU is stuck. */
  readonly stallSeconds: number;
  readonly units: UnitCosts;
}

/** When the window comes to a hardware table. */
export type ReplaySituation =
  /** The guest makes it, and a passed-through device is there already. */
  | 'create'
  /** A device is passed through later; the guest has made the window before, and mapped through KVM. */
  | 'hot-add';

/** What one policy does with one window. */
export interface ReplayCell {
  readonly value: string;
  readonly situation: ReplaySituation;
  readonly entries: number;
  readonly fill: Fill;
  /** TCEs with permissions in the guest view at the end. */
  readonly live: number;
  /** Entries that a replay looks at, while the guest's create is answered or the device is added. */
  readonly steps: number;
  /** What that call takes, nanoseconds of modelled cost on its thread. */
  readonly nanoseconds: number;
  /** Longer than a guest waits without a word. */
  readonly stalls: boolean;
  /** Pages of the guest view in KVM that the call brings in. */
  readonly faults: number;
  /** Entries of the guest view that the hardware table lacks at the end. */
  readonly missed: number;
  /** Calls of the guest that reached QEMU: its create, and what of its mapping KVM left to QEMU. */
  readonly exits: number;
}
