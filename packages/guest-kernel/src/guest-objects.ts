import type {
  Buid,
  Bytes,
  DmaWindowProperty,
  DynamicDmaWindowProperty,
  Gpa,
  Ioba,
  IommuPageShift,
  Liobn,
  PciNode,
  PhbNode,
} from '@spapr-dma/protocol';
import type { Bitmap } from './bitmap.js';

/** Identity of an iommu_table inside the guest; several pointers may name one table. */
export type TableId = number;

/** An allocation arena of a table: [start, end) in pages from the table's start, and where to look next. */
export interface IommuPool {
  readonly start: number;
  readonly end: number;
  readonly hint: number;
}

/**
 * One window that the guest manages with a bitmap. Offsets and sizes count IOMMU pages.
 * @see [Linux] arch/powerpc/include/asm/iommu.h: struct iommu_table
 */
export interface IommuTable {
  readonly id: TableId;
  /** `clearing` until iommu_init_table has seen the last entry; drivers find it only when it is `ready`. */
  readonly mode: 'clearing' | 'ready';
  readonly liobn: Liobn;
  readonly pageShift: IommuPageShift;
  /** The window's start. */
  readonly offset: number;
  readonly size: number;
  /** One bit a page: handed out, or reserved. */
  readonly map: Bitmap;
  /** Pages kept free of mappings, as absolute page numbers. */
  readonly reservedStart: number;
  readonly reservedEnd: number;
  readonly pools: readonly IommuPool[];
  readonly largePool: IommuPool;
  readonly poolSize: number;
  /** Holders of the table; it is freed with the last. */
  readonly refs: number;
}

/** The tables of a PE. @see [Linux] arch/powerpc/include/asm/iommu.h: struct iommu_table_group */
export interface TableGroup {
  /** The default window's table, or the only dynamic one; and the second window's. */
  readonly tables: readonly [TableId | null, TableId | null];
  readonly tce32Start: Ioba;
  readonly tce32Bytes: Bytes;
  /** 0 until a device's setup has asked; -1 where windows cannot be created. */
  readonly maxDynamicWindows: -1 | 0 | 1 | 2;
}

/** The device node of a PHB with what the kernel hangs on it. */
export interface PeNode extends PhbNode {
  /** `ibm,dma-window-saved`: the default window's property, kept when the window was removed. */
  readonly dmaWindowSaved: DmaWindowProperty | null;
  /** The property that holds the dynamic window across kexec. */
  readonly ddwProperty: DdwProperty | null;
  readonly group: TableGroup | null;
  /** Whether VFIO owns the PE. */
  readonly owner: 'kernel' | 'vfio';
}

export type DdwPropertyName = 'linux,direct64-ddr-window-info' | 'linux,dma64-ddr-window-info';
export interface DdwProperty extends DynamicDmaWindowProperty {
  readonly name: DdwPropertyName;
}

/** An entry of `dma_win_list`: a dynamic window in use. @see [Linux] pseries/iommu.c: struct dma_win */
export interface DmaWin extends DynamicDmaWindowProperty {
  readonly buid: Buid;
  readonly direct: boolean;
}

/** A PCI function or a VIO device. */
export interface GuestDevice {
  readonly id: string;
  /** `present` without a driver, `bound` with one. */
  readonly mode: 'present' | 'bound';
  /** The PHB it sits on; null for a VIO device. */
  readonly buid: Buid | null;
  readonly pci: PciNode | null;
  readonly dmaMask: bigint;
  /** iommu_table_base */
  readonly base: TableId | null;
  /** archdata.dma_offset */
  readonly dmaOffset: Ioba;
  /** dma_ops_bypass: addresses are GPAs plus the offset, without hypercalls. */
  readonly bypass: boolean;
  /** bus_dma_limit; 0 for none. */
  readonly busDmaLimit: bigint;
}

/** RAM that the kernel uses. */
export interface MemoryRange {
  readonly gpa: Gpa;
  readonly bytes: Bytes;
}
