import { type TceHcall, tce, tceCount, tceIndex } from '@spapr-dma/protocol';
import type { EnabledTable } from '@spapr-dma/qemu-spapr';
import {
  forEachDifferentRun,
  forEachMapped,
  type TceTable,
  tceAt,
  tceTable,
  withFill,
} from '@spapr-dma/tce-table';
import type { SystemState } from '../choices.js';
import { isBacked } from './entry-agreement.js';
import { pesWith } from './hardware-tables.js';
import {
  type AnsweredHcall,
  flightAfter,
  type HcallInFlight,
  pagesOf,
  writtenBy,
} from './hcalls-in-flight.js';
import { powernvIn } from './host-state.js';
import {
  enabledTable,
  guestsQemu,
  hex,
  isInside,
  type ObservedStep,
  type Property,
  rangeOf,
} from './property.js';
import { type ServedWindow, servingWindows } from './served-windows.js';

/** Per LIOBN, 1 for each entry that the guest was told is cleared, and that it has not begun to set again. */
type Cleared = Readonly<Record<number, TceTable>>;

interface Memory {
  readonly cleared: Cleared;
  readonly inFlight: readonly HcallInFlight[];
}

const NO = tce(0n);
const YES = tce(1n);

/** Marks entries of a table, or takes the marks away; what lies outside of it is left out. */
function marked(cleared: Cleared, table: EnabledTable, first: bigint, count: bigint, as: typeof NO): Cleared {
  const size = BigInt(table.nbTable);
  const from = first < 0n ? 0n : first;
  const to = first + count < size ? first + count : size;
  if (from >= to) return cleared;
  const known = cleared[table.liobn];
  const marks = known?.entries === table.nbTable ? known : tceTable(table.nbTable);
  const next = withFill(marks, tceIndex(Number(from)), tceCount(Number(to - from)), as);
  return { ...cleared, [table.liobn]: next };
}

/** Without the entries that a call begins to set. */
function begun(cleared: Cleared, table: EnabledTable | undefined, call: TceHcall): Cleared {
  if (table === undefined) return cleared;
  const written = writtenBy(call);
  const sets = written !== null && (typeof written !== 'bigint' || (written & 3n) !== 0n);
  if (!sets) return cleared;
  const { first, count } = rangeOf(table, call.ioba, pagesOf(call));
  return marked(cleared, table, first, count, NO);
}

/** The entries that an answered call has cleared, as runs. */
function clearedBy(
  table: EnabledTable,
  { call, answer, meddled }: AnsweredHcall,
): readonly (readonly [bigint, bigint])[] {
  const range = rangeOf(table, call.ioba, pagesOf(call));
  if (answer.status !== 'H_SUCCESS' || meddled || !isInside(range, table)) return [];
  const written = writtenBy(call);
  if (written === null) return [];
  if (typeof written === 'bigint') return (written & 3n) === 0n ? [[range.first, range.count]] : [];
  return written.flatMap((value, at) =>
    (value & 3n) === 0n ? [[range.first + BigInt(at), 1n] as const] : [],
  );
}

/** Whether windows of these tables are gone, or were made anew, in which case nothing is known of them. */
function renewed(cleared: Cleared, { before, moved }: ObservedStep): Cleared {
  const [earlier, qemu] = [guestsQemu(before), guestsQemu(moved.state)];
  if (earlier === qemu) return cleared;
  const gone = Object.keys(cleared).filter((liobn) => enabledTable(qemu, BigInt(liobn)) === undefined);
  if (gone.length === 0) return cleared;
  return Object.fromEntries(Object.entries(cleared).filter(([liobn]) => !gone.includes(liobn)));
}

const stillMapped = ({ table }: ServedWindow, ioba: bigint, where: string, word: bigint): string =>
  `The guest was told that ${hex(ioba)} of LIOBN ${hex(table.liobn)} is cleared, and ${where} still leads to HPA ${hex(word - (word & 3n))}.`;

/** What devices can still reach of entries that a call has just cleared: in the tables, and in TCE caches. */
function leftBehind(state: SystemState, window: ServedWindow, first: bigint, count: bigint): string | null {
  if (!isBacked(window)) return null;
  const { table, iommuTable } = window;
  const shift = Math.max((table.pageShift & 63) - iommuTable.pageShift, 0);
  const from = Number(first) * 2 ** shift;
  const many = Math.min(Number(count) * 2 ** shift, iommuTable.hardware.entries - from);
  if (many <= 0) return null;
  let text: string | null = null;
  const look = (tces: TceTable, where: string): void =>
    forEachMapped(
      tces,
      (index) => {
        const ioba = table.busOffset + (BigInt(index) << BigInt(iommuTable.pageShift));
        text ??= stillMapped(window, ioba, where, tceAt(tces, index));
      },
      tceIndex(from),
      tceCount(many),
    );
  const powernv = powernvIn(state)!;
  look(iommuTable.hardware, `hardware table ${iommuTable.table}`);
  for (const { phb, pe, cache } of pesWith(powernv, iommuTable.table)) {
    const cached = cache.find((each) => each.table === iommuTable.table);
    if (cached !== undefined) look(cached.tces, `the TCE cache of PE ${pe} on PHB ${phb}`);
  }
  return text;
}

/** An entry that comes back to life after the guest was told that it is cleared. */
function revived(cleared: Cleared, { before, moved: { state } }: ObservedStep): string | null {
  const earlier = powernvIn(before);
  if (earlier === undefined || earlier === powernvIn(state) || Object.keys(cleared).length === 0) return null;
  let text: string | null = null;
  for (const window of servingWindows(state)) {
    const marks = cleared[window.table.liobn];
    if (marks === undefined || !isBacked(window)) continue;
    const { table, iommuTable } = window;
    const old = earlier.tables.find((each) => each.table === iommuTable.table)?.hardware;
    if (old === undefined || old === iommuTable.hardware || old.entries !== iommuTable.hardware.entries)
      continue;
    const perGuest = 2 ** Math.max((table.pageShift & 63) - iommuTable.pageShift, 0);
    forEachDifferentRun(old, iommuTable.hardware, (first, count, _high, _low, high, low) => {
      if ((low & 3) === 0 || text !== null) return;
      for (let index = first as number; index < first + count && text === null; index += 1) {
        const guests = Math.floor(index / perGuest);
        if (guests >= marks.entries || tceAt(marks, tceIndex(guests)) !== YES) continue;
        const ioba = table.busOffset + (BigInt(index) << BigInt(iommuTable.pageShift));
        const word = (BigInt(high) << 32n) | BigInt(low);
        text = stillMapped(window, ioba, `hardware table ${iommuTable.table}`, word);
      }
    });
  }
  return text;
}

export const noStaleTranslation: Property<Memory> = {
  name: 'S-3',
  title: 'Once the guest is told that an entry is cleared, no device gets anywhere by it.',
  sometimes: 'an entry of a window that hardware serves is cleared',
  reads: ['qemu-spapr', 'kvm', 'vfio-host', 'powernv-ioda2'],
  initial: { cleared: {}, inFlight: [] },
  observe: (memory, step) => {
    const { state } = step.moved;
    if (powernvIn(state) === undefined) return { memory, violation: null, reached: false };
    const qemu = guestsQemu(state);
    const flight = flightAfter(memory.inFlight, step, qemu);
    let cleared = renewed(memory.cleared, step);
    if (flight.begun !== null) {
      cleared = begun(cleared, enabledTable(qemu, flight.begun.liobn), flight.begun);
    }
    let violation = revived(cleared, step);
    let reached = false;
    for (const answered of flight.answered) {
      const table = enabledTable(qemu, answered.call.liobn);
      if (table === undefined) continue;
      const windows = servingWindows(state).filter((window) => window.table === table);
      for (const [first, count] of clearedBy(table, answered)) {
        cleared = marked(cleared, table, first, count, YES);
        for (const window of windows) violation ??= leftBehind(state, window, first, count);
        reached ||= windows.some(isBacked);
      }
    }
    const same = cleared === memory.cleared && flight.inFlight === memory.inFlight;
    return { memory: same ? memory : { cleared, inFlight: flight.inFlight }, violation, reached };
  },
};
