import type { IommuTable, PowernvState } from '@spapr-dma/powernv-ioda2';
import { type Component, type TceIndex, tceIndex } from '@spapr-dma/protocol';
import { forEachDifferentRun, forEachMapped, mappedCount, type TceTable, tceAt } from '@spapr-dma/tce-table';
import type { Region, VfioHost } from '@spapr-dma/vfio-host';
import type { SystemState } from '../choices.js';
import { isV1, pesWith, vfioTablesOf } from './hardware-tables.js';
import { powernvIn, vfioIn } from './host-state.js';
import { hex, type Property, type StateVerdict } from './property.js';
import { becameQuiet, firstOf } from './when-quiet.js';

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

const READS: readonly Component[] = ['vfio-host', 'powernv-ioda2'];

const NOTHING: StateVerdict = { violation: null, reached: false };

/** @param settled also that userspace slots tell where the entries lead: they are written after the entries */
function judge(state: SystemState, settled: boolean): StateVerdict {
  const [powernv, vfio] = [powernvIn(state), vfioIn(state)];
  const tables = powernv === undefined || vfio === undefined ? [] : reachable(powernv, vfio);
  if (vfio === undefined || tables.length === 0) return NOTHING;
  const regions = regionsOf(vfio);
  const key = keyOf(regions);
  return {
    violation: firstOf(tables, (table) => firstUnbacked(regions, key, table, settled)),
    reached: tables.some(({ hardware }) => mappedCount(hardware) > 0),
  };
}

export const backedTranslations: Property<null> = {
  name: 'S-1',
  title: 'Every entry that lets a passed-through device through leads to registered, and so pinned, memory.',
  sometimes: 'a device gets to an entry that is mapped',
  reads: ['qemu-spapr', 'kvm', ...READS],
  asksForQuiet: true,
  rules: [
    { reads: READS, when: 'always', judge: (state) => judge(state, false) },
    { reads: READS, when: 'quiet', judge: (state) => judge(state, true) },
  ],
  initial: null,
  observe: (memory, step) => {
    const { before, moved } = step;
    const same = powernvIn(moved.state) === powernvIn(before) && vfioIn(moved.state) === vfioIn(before);
    const { violation, reached } = same ? NOTHING : judge(moved.state, false);
    const settled = violation === null && becameQuiet(step);
    return { memory, violation: settled ? judge(moved.state, true).violation : violation, reached };
  },
};
