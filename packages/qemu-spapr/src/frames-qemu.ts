import type { Liobn, TceCount } from '@spapr-dma/protocol';

/** The shape of a window, as `enable` is asked for it. */
export interface WindowShape {
  readonly pageShift: number;
  readonly busOffset: bigint;
  readonly nbTable: TceCount;
}

/** Allocates a guest view: in KVM where that works, else in QEMU. Returns the fd, -1 for one in QEMU. */
export interface AllocTableFrame extends WindowShape {
  readonly fn: 'spapr_tce_alloc_table';
  readonly at: 'begin' | 'creatingKvmTable' | 'mappingKvmTable' | 'closingUnmappedTable';
  readonly liobn: Liobn;
  readonly needVfio: boolean;
  /** KVM's table, once it is made. */
  readonly fd: number;
}

/** Gives KVM's table back; nothing for a view in QEMU. */
export interface FreeTableFrame {
  readonly fn: 'spapr_tce_free_table';
  readonly at: 'begin' | 'closingKvmTable';
  readonly fd: number;
}

/** Makes the window of a table that has none, and shows it to who listens. */
export interface EnableTableFrame extends WindowShape {
  readonly fn: 'spapr_tce_table_enable';
  readonly at: 'begin' | 'allocated' | 'shown';
  readonly liobn: Liobn;
}

export type QemuFrame = AllocTableFrame | FreeTableFrame;
