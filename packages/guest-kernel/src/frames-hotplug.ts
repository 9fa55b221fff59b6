import type {
  DlparAddDevice,
  DlparAddPhb,
  DlparRemoveDevice,
  DlparRemovePhb,
  INDICATORS,
} from '@spapr-dma/protocol';
import type { MemoryRange } from './guest-objects.js';

/** Maps memory that comes, and unmaps memory that goes, in the windows that map all RAM. */
export interface MemoryNotifierFrame {
  readonly fn: 'iommu_mem_notifier';
  readonly at: 'begin' | 'waitingForList' | 'notifying';
  readonly action: 'MEM_GOING_ONLINE' | 'MEM_CANCEL_ONLINE' | 'MEM_OFFLINE';
  readonly range: MemoryRange;
  /** Windows done, and whether one refused. */
  readonly done: number;
  readonly failed: boolean;
}

/** One call on a connector. */
export type DrcCall =
  | { readonly set: keyof typeof INDICATORS; readonly to: number }
  | { readonly set: 'configure' };

/** Calls on one connector, one after the other. */
export interface DrcFrame {
  readonly fn: 'drc';
  readonly at: 'begin' | 'calling';
  readonly drcIndex: number;
  readonly calls: readonly DrcCall[];
  readonly done: number;
}

/** What the administrator's tool was asked to do. */
export type DlparCommand = DlparAddPhb | DlparAddDevice | DlparRemovePhb | DlparRemoveDevice;

/** Takes a plugged PHB or device into use, or gives it up. */
export interface DlparFrame {
  readonly fn: 'dlpar';
  readonly at:
    | 'begin'
    | 'acquiring'
    | 'settingUpDevices'
    | 'marking'
    | 'removingWindow'
    | 'unlisting'
    | 'releasing';
  readonly command: DlparCommand;
  /** Devices set up so far. */
  readonly done: number;
}
