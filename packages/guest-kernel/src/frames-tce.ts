import type { DmaDirection, DynamicDmaWindowProperty, Gpa, Liobn } from '@spapr-dma/protocol';
import type { TableId } from './guest-objects.js';

/** Maps pages one H_PUT_TCE at a time. Counts and numbers are IOMMU pages, on the bus and in memory. */
export interface TceBuildFrame {
  readonly fn: 'tce_build_pSeriesLP';
  readonly at: 'begin' | 'putting' | 'unwinding';
  readonly liobn: Liobn;
  readonly tcenum: number;
  readonly tceShift: number;
  readonly npages: number;
  /** The first page in memory, as its number. */
  readonly rpn: bigint;
  readonly direction: DmaDirection;
  /** Pages put so far. */
  readonly done: number;
}

/** Maps pages of a table, in lists of up to 512. */
export interface TceBuildMultiFrame {
  readonly fn: 'tce_buildmulti_pSeriesLP';
  readonly at: 'begin' | 'putting' | 'puttingOneByOne' | 'unwinding';
  readonly table: TableId;
  /** The first page on the bus, and in memory. */
  readonly tcenum: number;
  readonly rpn: bigint;
  readonly npages: number;
  readonly direction: DmaDirection;
  /** Pages of the lists that were accepted. */
  readonly done: number;
}

/** Unmaps pages one H_PUT_TCE of 0 at a time. */
export interface TceFreeFrame {
  readonly fn: 'tce_free_pSeriesLP';
  readonly at: 'begin' | 'putting';
  readonly liobn: Liobn;
  readonly tcenum: number;
  readonly tceShift: number;
  readonly npages: number;
  readonly done: number;
}

/** Unmaps pages of a table, in blocks of up to 512. */
export interface TceFreeMultiFrame {
  readonly fn: 'tce_freemulti_pSeriesLP';
  readonly at: 'begin' | 'stuffing' | 'puttingOneByOne';
  readonly table: TableId;
  readonly tcenum: number;
  readonly npages: number;
  readonly done: number;
}

/** Maps a range of RAM at its own address behind the start of a dynamic window. */
export interface TceSetRangeFrame {
  readonly fn: 'tce_setrange_multi_pSeriesLP';
  readonly at: 'begin' | 'putting' | 'puttingOneByOne';
  readonly window: DynamicDmaWindowProperty;
  readonly gpa: Gpa;
  readonly bytes: bigint;
  /** TCEs done so far. */
  readonly done: number;
}

/** Clears a range of a dynamic window. */
export interface TceClearRangeFrame {
  readonly fn: 'tce_clearrange_multi_pSeriesLP';
  readonly at: 'begin' | 'stuffing';
  readonly window: DynamicDmaWindowProperty;
  readonly gpa: bigint;
  readonly bytes: bigint;
  readonly done: number;
}

/** Swaps one entry for VFIO: reads the old one, then writes the new one. */
export interface TceExchangeFrame {
  readonly fn: 'tce_exchange_pseries';
  readonly at: 'begin' | 'locked' | 'getting' | 'putting';
  readonly table: TableId;
  readonly tcenum: number;
  readonly rpn: bigint;
  readonly direction: DmaDirection | 'DMA_NONE';
}
