import type { IommuTable, PowernvState } from '@spapr-dma/powernv-ioda2';
import { type TceIndex, tceIndex } from '@spapr-dma/protocol';
import { forEachDifferentRun, forEachMapped, mappedCount, type TceTable, tceAt } from '@spapr-dma/tce-table';
import type { Region, VfioHost } from '@spapr-dma/vfio-host';
import { isV1, pesWith, vfioTablesOf } from './hardware-tables.js';
import { isQuiet, powernvIn, vfioIn } from './host-state.js';
import { hex, type Property } from './property.js';
import { firstOf } from './when-quiet.js';

/** Registered memory of all processes. */
const regionsOf = (vfio: VfioHost): readonly Region[] =>
  vfio.mms.flatMap(({ regions }) => regions.filter(({ used }) => used > 0));

const keyOf = (regions: readonly Region[]): string =>
  regions.map(({ ua, entries, pageShift }) => `${ua}+${entries}/${pageShift}`).join(' ');

/** The registered region in whose memory an IOMMU page lies wholly. */
const holderOf = (regions: readonly Region[], hpa: bigint, end: bigint): Region | undefined =>
  regions.find(({ pieces }) => pieces.some((piece) => hpa >= piece.hpa && end <= piece.hpa + piece.bytes));

/** What is wrong with one entry that lets devices through. */
function unbacked(
  regions: readonly Region[],
  iommuTable: IommuTable,
  index: number,
  settled: boolean,
): string | null {
  const word = tceAt(iommuTable.hardware, tceIndex(index));
  if ((word & 3n) === 0n) return null;
  const pageShift = BigInt(iommuTable.pageShift);
  const hpa = word - (word & 3n);
  const holder = holderOf(regions, hpa, hpa + (1n << pageShift));
  const entry = `Entry ${hex(index)} of hardware table ${iommuTable.table}, which devices reach, is HPA ${hex(hpa)}`;
  if (holder === undefined) return `${entry}, and no registered memory holds that page.`;
  if (holder.pageShift < iommuTable.pageShift) {
    return `${entry} with 2^${iommuTable.pageShift} bytes, and the memory registered there has pages of 2^${holder.pageShift}.`;
  }
  if (!settled) return null;
  const ua = tceAt(iommuTable.userspace!.slots, tceIndex(index)) as bigint;
  const piece = regions
    .flatMap(({ pieces }) => pieces)
    .find((each) => ua >= each.ua && ua + (1n << pageShift) <= each.ua + each.bytes);
  if (piece !== undefined && piece.hpa + (ua - piece.ua) === hpa) return null;
  return `${entry}, but its userspace slot has ${hex(ua)}${piece === undefined ? ', which is not registered' : `, which is HPA ${hex(piece.hpa + (ua - piece.ua))}`}.`;
}

/** Versions whose entries were all found to be backed, by registered memory as the key tells. */
interface Backed {
  readonly hardware: TceTable;
  readonly slots: TceTable;
  readonly key: string;
}
/** By table: what was found good last, at any step and in a quiet state. Facts about versions, whatever the path. */
const lastBacked = new Map<string, Backed>();

/** The first entry of a table that is not as it must be; only what changed since the last look is looked at. */
function firstUnbacked(
  regions: readonly Region[],
  key: string,
  iommuTable: IommuTable,
  settled: boolean,
): string | null {
  const { hardware } = iommuTable;
  const { slots } = iommuTable.userspace!;
  const name = `${iommuTable.table} ${settled}`;
  const known = lastBacked.get(name);
  const isVersion = known?.key === key && known.hardware.entries === hardware.entries;
  let text: string | null = null;
  const look = (index: number): void => {
    text ??= unbacked(regions, iommuTable, index, settled);
  };
  const lookAtRun = (first: number, count: number): void => {
    for (let at = 0; at < count && text === null; at += 1) look(first + at);
  };
  if (!isVersion) forEachMapped(hardware, (index: TceIndex) => look(index));
  else {
    forEachDifferentRun(known.hardware, hardware, lookAtRun);
    if (settled) forEachDifferentRun(known.slots, slots, lookAtRun);
  }
  if (text === null) lastBacked.set(name, { hardware, slots, key });
  return text;
}

/** Tables that a device gets to, with registered memory behind their entries. */
const reachable = (powernv: PowernvState, vfio: VfioHost): readonly IommuTable[] =>
  vfioTablesOf(powernv).filter(({ table }) => pesWith(powernv, table).length > 0 && !isV1(vfio, table));

export const backedTranslations: Property<null> = {
  name: 'S-1',
  title: 'Every entry that lets a passed-through device through leads to registered, and so pinned, memory.',
  sometimes: 'a device gets to an entry that is mapped',
  initial: null,
  observe: (memory, { before, moved: { state } }) => {
    const [powernv, vfio] = [powernvIn(state), vfioIn(state)];
    const same = powernv === powernvIn(before) && vfio === vfioIn(before);
    if (powernv === undefined || vfio === undefined || same)
      return { memory, violation: null, reached: false };
    const tables = reachable(powernv, vfio);
    if (tables.length === 0) return { memory, violation: null, reached: false };
    const regions = regionsOf(vfio);
    const key = keyOf(regions);
    const quiet = isQuiet(state);
    const violation =
      firstOf(tables, (table) => firstUnbacked(regions, key, table, false)) ??
      (quiet ? firstOf(tables, (table) => firstUnbacked(regions, key, table, true)) : null);
    return { memory, violation, reached: tables.some(({ hardware }) => mappedCount(hardware) > 0) };
  },
};
