import {
  type Bytes,
  bytes,
  hostPageShift,
  type IommuPageShift,
  iommuPageShift,
  type LevelCount,
  levelCount,
  tceCount,
  windowBytesOf,
} from '@spapr-dma/protocol';
import { chargedBytes } from '@spapr-dma/tce-table';
import type { WindowLife } from './window-lives.js';

/** Pages of a POWER host's kernel; its tables never translate larger ones than back the guest's memory. */
const HOST_PAGE_SHIFT = hostPageShift(16);
/** What a scanned entry costs a replay, and a mapped one, in seconds. @see spec 60: B-64, "Replay cost measured" */
const SECONDS_SCANNED = 70e-9;
const SECONDS_MAPPED = 6e-6;

/** What plugging a VFIO device would cost for one window. */
export interface HotplugCost {
  /** Entries that the replay walks. */
  readonly entries: number;
  readonly seconds: number;
  /** Guest memory that is mapped, and must be pinned at least. */
  readonly mappedBytes: Bytes;
  /** Locked memory that the hardware table is charged. */
  readonly tableBytes: Bytes;
}

/** QEMU's number of levels: as few as fit tables of 2^8 host pages each. @see spec 20 section 6.3 */
function levelsOf(windowBytes: bigint, pageShift: IommuPageShift): LevelCount {
  const entryBits = windowBytes.toString(2).length - 1 - pageShift;
  return levelCount(Math.max(1, Math.ceil((entryBits + 3) / (HOST_PAGE_SHIFT + 8))));
}

/** What it would cost to plug a VFIO device behind the PHB of this window. */
export function hotplugCostOf({ entries, pageShift, mapped }: WindowLife): HotplugCost {
  const shift = iommuPageShift(pageShift & 63);
  const windowBytes = windowBytesOf(tceCount(entries), shift);
  const hardwareShift = iommuPageShift(Math.min(shift, HOST_PAGE_SHIFT));
  return {
    entries,
    seconds: entries * SECONDS_SCANNED + mapped * SECONDS_MAPPED,
    mappedBytes: windowBytesOf(tceCount(mapped), shift),
    tableBytes: bytes(
      chargedBytes({
        windowBytes,
        pageShift: hardwareShift,
        levels: levelsOf(windowBytes, hardwareShift),
        hostPageShift: HOST_PAGE_SHIFT,
      }),
    ),
  };
}
