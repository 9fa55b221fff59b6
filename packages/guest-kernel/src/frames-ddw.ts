import type { Buid, DynamicDmaWindowProperty, Ioba, Liobn } from '@spapr-dma/protocol';
import type { DdwProperty, TableId } from './guest-objects.js';

/** Tries to give a PE a dynamic window that maps all RAM. */
export interface EnableDdwFrame {
  readonly fn: 'enable_ddw';
  readonly at:
    | 'begin'
    | 'waitingForMutex'
    | 'lookingUp'
    | 'querying'
    | 'limitingAddresses'
    | 'removingDefaultWindow'
    | 'queryingAgain'
    | 'creating'
    | 'mappingRam'
    | 'cleaningFailedWindow'
    | 'removingFailedWindow'
    | 'restoringDefaultWindow'
    | 'clearingNewTable'
    | 'mapped'
    | 'listing';
  readonly buid: Buid;
  readonly device: string;
  readonly dmaMask: bigint;
  readonly query: QueryDdwResponse | null;
  readonly defaultRemoved: boolean;
  /** Whether the PHB is in limited addressing mode. */
  readonly limited: boolean;
  /** The window, once firmware has made it. */
  readonly window: DdwProperty | null;
  /** RAM ranges mapped so far. */
  readonly ranges: number;
  /** The dynamic window's new table. */
  readonly table: TableId | null;
}

/** Asks how many windows a PE may still have, and of which kind. */
export interface QueryDdwFrame {
  readonly fn: 'query_ddw';
  readonly at: 'begin' | 'querying';
  readonly buid: Buid;
  readonly device: string;
}

/** What the query returned; the other fields mean nothing where `ret` is not 0. */
export interface QueryDdwResponse {
  readonly ret: number;
  readonly windowsAvailable: number;
  /** Entries in the largest window. */
  readonly largestBlock: bigint;
  /** Page sizes, in the query's encoding. */
  readonly pageSizes: number;
}

/** Asks for a dynamic window. */
export interface CreateDdwFrame {
  readonly fn: 'create_ddw';
  readonly at: 'begin' | 'creating';
  readonly buid: Buid;
  readonly device: string;
  readonly pageShift: number;
  readonly windowShift: number;
}

export interface CreateDdwResponse {
  readonly ret: number;
  readonly liobn: number;
  readonly start: Ioba;
}

/** Gives a window back to firmware. */
export interface RemoveDmaWindowFrame {
  readonly fn: 'remove_dma_window';
  readonly at: 'begin' | 'cleaning' | 'removing';
  readonly buid: Buid;
  readonly liobn: Liobn;
  /** Whether the caller only wants the window clean, or already has it so, or wants both. */
  readonly steps: 'clean' | 'remove' | 'clean-and-remove';
  /** The window to clean; null where nothing is cleaned. */
  readonly window: DynamicDmaWindowProperty | null;
}

/** Gives the PE its default window back, or puts it into limited addressing mode. */
export interface ResetDmaWindowFrame {
  readonly fn: 'reset_dma_window';
  readonly at: 'begin' | 'resetting';
  readonly buid: Buid;
  readonly device: string;
  readonly limited: boolean;
}
