import {
  type Bytes,
  bytes,
  DEFAULT_WINDOW_BYTES,
  type Gpa,
  gpa,
  INDIRECT_TCES_MAX,
} from '@spapr-dma/protocol';

/** How large a modelled machine is: `power9` as a real one, `minimal` for searching all interleavings. */
export type Size = 'minimal' | 'power9';

/** What the two sizes differ in. */
export interface Sizes {
  /** Bytes of a default window. */
  readonly dmaWinSize: Bytes;
  readonly ram: Bytes;
  /** End of the memory that can be hot-added. */
  readonly hotplugMax: Gpa;
  /** Entries in one list of H_PUT_TCE_INDIRECT, and in one block of H_STUFF_TCE. */
  readonly indirectTcesMax: number;
  /** Consecutive entries that one access of a host machine covers: 1 lets others come in between any two. */
  readonly entriesAtOnce: number;
  /** Index from which on a clear of a hardware table takes all that is left in one access: nobody maps there. */
  readonly coarseFrom: number;
  /** Free entries that a kdump kernel insists on. */
  readonly kdumpMinTceEntries: number;
  /** Allocation pools of a large table. */
  readonly poolCount: number;
  /** Requests of more pages than this come from the large pool. */
  readonly smallRequestPagesMax: number;
}

export const SIZES: Readonly<Record<Size, Sizes>> = {
  minimal: {
    dmaWinSize: bytes(0x4000n),
    ram: bytes(0x400_0000n),
    hotplugMax: gpa(0x800_0000n),
    indirectTcesMax: 2,
    entriesAtOnce: 1,
    coarseFrom: 16,
    kdumpMinTceEntries: 1,
    poolCount: 1,
    smallRequestPagesMax: 2,
  },
  /** The recorded machine: 2 GiB of RAM, and 4 GiB with all that can be hot-added. */
  power9: {
    dmaWinSize: DEFAULT_WINDOW_BYTES,
    ram: bytes(0x8000_0000n),
    hotplugMax: gpa(0x1_0000_0000n),
    indirectTcesMax: INDIRECT_TCES_MAX,
    entriesAtOnce: Number.MAX_SAFE_INTEGER,
    coarseFrom: Number.MAX_SAFE_INTEGER,
    kdumpMinTceEntries: 2048,
    poolCount: 4,
    smallRequestPagesMax: 15,
  },
};
