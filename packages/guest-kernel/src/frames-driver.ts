import type { Bytes, DmaDirection, Gpa, Ioba } from '@spapr-dma/protocol';
import type { TableId } from './guest-objects.js';

/** A driver's probe: how the device will do DMA follows from its mask. */
export interface DmaSetMaskFrame {
  readonly fn: 'dma_set_mask';
  readonly at: 'begin' | 'enablingDdw';
  readonly device: string;
  readonly dmaMask: bigint;
}

/** A driver lets its device go. */
export interface ReleaseDriverFrame {
  readonly fn: 'device_release_driver';
  readonly at: 'begin';
  readonly device: string;
}

/** A piece of memory, or of a device's address space. */
export interface Segment {
  readonly dmaAddress: Ioba;
  readonly bytes: Bytes;
}

/** One buffer. */
export interface DmaMapFrame {
  readonly fn: 'iommu_alloc';
  readonly at: 'begin' | 'setting' | 'clearing';
  readonly device: string;
  readonly kind: 'page' | 'coherent';
  readonly gpa: Gpa;
  readonly bytes: Bytes;
  readonly direction: DmaDirection;
  /** The table that the buffer goes through, once that is known. */
  readonly table: TableId | null;
  /** The pages handed out: the first on the bus, and how many. */
  readonly entry: number;
  readonly npages: number;
}

/** A list of buffers. */
export interface DmaMapSgFrame {
  readonly fn: 'ppc_iommu_map_sg';
  readonly at: 'begin' | 'setting' | 'clearing';
  readonly device: string;
  readonly buffers: readonly { readonly gpa: Gpa; readonly bytes: Bytes }[];
  readonly direction: DmaDirection;
  /** The table that the list goes through, once that is known. */
  readonly table: TableId | null;
  /** Buffers mapped so far, and where the allocator left off. */
  readonly done: number;
  readonly handle: number;
  /** Where the buffer under way will be. */
  readonly entry: number;
  /** Segments so far, with neighbours merged. */
  readonly segments: readonly Segment[];
  /** Segments taken back so far, after a failure. */
  readonly undone: number;
}

/** Gives one mapping back. */
export interface DmaUnmapFrame {
  readonly fn: 'iommu_free';
  readonly at: 'begin' | 'clearing';
  /** Whose mapping it was, for the report; null where the kernel itself takes a failed mapping back. */
  readonly device: string | null;
  /** The table; null for a device that makes no hypercalls. */
  readonly table: TableId | null;
  readonly entry: number;
  readonly npages: number;
  readonly dmaAddress: Ioba;
  readonly bytes: Bytes;
}
