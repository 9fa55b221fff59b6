import type { IommuTable } from '@spapr-dma/powernv-ioda2';
import { tceIndex } from '@spapr-dma/protocol';
import { forEachDifferentRun, forEachMapped, type TceTable, tceAt } from '@spapr-dma/tce-table';
import type { Mm, Region, VfioHost } from '@spapr-dma/vfio-host';
import { bytesOfPages, isV1, mmOfTable, vfioTablesOf } from './hardware-tables.js';
import { powernvIn, vfioIn } from './host-state.js';
import { hex } from './property.js';
import { firstOf, whenQuiet } from './when-quiet.js';

/** TCEs by the place of their region in its list. */
type Counts = readonly number[];

/** A registered range, and how many TCEs of a version of a table point into it. */
interface Counted {
  readonly hardware: TceTable;
  readonly slots: TceTable;
  readonly key: string;
  readonly counts: Counts;
}
/** The last count of each table: a fact about versions, so that a later count adds only what changed. */
const lastCounted = new Map<number, Counted>();

interface Range {
  readonly start: bigint;
  readonly end: bigint;
}

/** The place of the region that an address lies in; −1 for none. */
const placeOf = (ranges: readonly Range[], ua: bigint): number =>
  ranges.findIndex(({ start, end }) => ua >= start && ua < end);

/** How many valid entries of a table point into each range. */
function countsOf(iommuTable: IommuTable, ranges: readonly Range[]): Counts {
  const { hardware } = iommuTable;
  const { slots } = iommuTable.userspace!;
  const key = ranges.map(({ start, end }) => `${start}-${end}`).join(' ');
  const known = lastCounted.get(iommuTable.table);
  const isVersion = known?.key === key && known.hardware.entries === hardware.entries;
  const counts = isVersion ? [...known.counts] : ranges.map(() => 0);
  const add = (ofHardware: TceTable, ofSlots: TceTable, index: number, by: number): void => {
    if ((tceAt(ofHardware, tceIndex(index)) & 3n) === 0n) return;
    const place = placeOf(ranges, tceAt(ofSlots, tceIndex(index)));
    if (place >= 0) counts[place]! += by;
  };
  const eachOf = (first: number, count: number, visit: (index: number) => void): void => {
    for (let at = 0; at < count; at += 1) visit(first + at);
  };
  if (isVersion) {
    forEachDifferentRun(known.hardware, hardware, (first, count) =>
      eachOf(first, count, (index) => {
        add(known.hardware, known.slots, index, -1);
        add(hardware, known.slots, index, 1);
      }),
    );
    forEachDifferentRun(known.slots, slots, (first, count) =>
      eachOf(first, count, (index) => {
        add(hardware, known.slots, index, -1);
        add(hardware, slots, index, 1);
      }),
    );
  } else forEachMapped(hardware, (index) => add(hardware, slots, index, 1));
  lastCounted.set(iommuTable.table, { hardware, slots, key, counts });
  return counts;
}

function wrongCount(vfio: VfioHost, region: Region, found: number): string | null {
  const counted = region.mapped - 1;
  if (counted === found) return null;
  const range = `Registered memory at ${hex(region.ua)} with ${hex(bytesOfPages(vfio, region.entries))} bytes`;
  return counted > found
    ? `${range} counts ${counted} TCEs, and ${found} point into it: it can never be released.`
    : `${range} counts ${counted} TCEs, and ${found} point into it: it can be released under them.`;
}

/** The first region of a process that counts wrongly. */
function wrongIn(vfio: VfioHost, mm: Mm, tables: readonly IommuTable[]): string | null {
  const ranges = mm.regions.map((region) => ({
    start: region.ua as bigint,
    end: region.ua + bytesOfPages(vfio, region.entries),
  }));
  const mine = tables.filter(({ table }) => mmOfTable(vfio, table)?.mm === mm.mm && !isV1(vfio, table));
  const counts = mine.map((table) => countsOf(table, ranges));
  return firstOf(
    mm.regions.map((region, place) => ({
      region,
      found: counts.reduce((sum, each) => sum + each[place]!, 0),
    })),
    ({ region, found }) => wrongCount(vfio, region, found),
  );
}

export const countExactness = whenQuiet(
  'S-2',
  'Between calls, registered memory counts exactly the TCEs that point into it.',
  'TCEs point into registered memory',
  ['vfio-host', 'powernv-ioda2'],
  (state) => {
    const vfio = vfioIn(state);
    if (vfio === undefined) return { violation: null, reached: false };
    const tables = vfioTablesOf(powernvIn(state));
    return {
      violation: firstOf(vfio.mms, (mm) => wrongIn(vfio, mm, tables)),
      reached: vfio.mms.some(({ regions }) => regions.some(({ mapped }) => mapped > 1)),
    };
  },
);
