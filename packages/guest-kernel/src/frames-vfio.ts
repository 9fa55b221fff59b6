import type { Buid, Bytes, DmaDirection, IommuPageShift } from '@spapr-dma/protocol';
import type { DdwProperty, TableId } from './guest-objects.js';

/** A PE goes to VFIO, or comes back. */
export interface VfioOwnershipFrame {
  readonly fn: 'spapr_tce_ownership';
  readonly at:
    | 'begin'
    | 'waitingForMutex'
    | 'removingWindow'
    | 'unlisting'
    | 'restoringDefaultWindow'
    | 'clearingNewTable';
  readonly command: 'vfio-take-ownership' | 'vfio-release-ownership';
  readonly buid: Buid;
}

/** VFIO asks for a window with its table. */
export interface VfioCreateTableFrame {
  readonly fn: 'spapr_tce_create_table';
  readonly at:
    | 'begin'
    | 'waitingForMutex'
    | 'restoringDefaultWindow'
    | 'querying'
    | 'creating'
    | 'clearingNewTable'
    | 'listing';
  readonly buid: Buid;
  readonly num: 0 | 1;
  readonly pageShift: IommuPageShift;
  readonly windowBytes: Bytes;
  readonly levels: number;
  /** The dynamic window that firmware made; null for the default window. */
  readonly window: DdwProperty | null;
  readonly table: TableId | null;
}

/** VFIO gives a window back, which it has cleared. */
export interface VfioUnsetWindowFrame {
  readonly fn: 'spapr_tce_unset_window';
  readonly at: 'begin' | 'waitingForMutex' | 'removingWindow' | 'unlisting';
  readonly buid: Buid;
  readonly num: 0 | 1;
}

/** Maps or unmaps for a VFIO user, page by page. */
export interface VfioMapFrame {
  readonly fn: 'tce_iommu_build';
  readonly at: 'begin' | 'exchanging' | 'clearing';
  readonly command: 'vfio-map' | 'vfio-unmap';
  readonly buid: Buid;
  readonly num: 0 | 1;
  readonly ioba: bigint;
  /** Where the memory is; 0 for an unmap. */
  readonly gpa: bigint;
  readonly bytes: bigint;
  readonly direction: DmaDirection | 'DMA_NONE';
  readonly done: number;
  /** Pages to clear after a map that failed. */
  readonly cleared: number;
}
