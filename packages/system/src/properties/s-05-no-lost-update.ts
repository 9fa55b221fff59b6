import type { TceHcall, Trace } from '@spapr-dma/protocol';
import { tce, tceCount, tceIndex } from '@spapr-dma/protocol';
import type { EnabledTable, QemuState } from '@spapr-dma/qemu-spapr';
import { type TceTable, tceAt, tceTable, withFill, withTces } from '@spapr-dma/tce-table';
import {
  type AnsweredHcall,
  flightAfter,
  type HcallInFlight,
  pagesOf,
  writtenBy,
} from './hcalls-in-flight.js';
import {
  type EntryRange,
  enabledTable,
  guestsQemu,
  hex,
  inGuestsQemu,
  isInside,
  lockHolder,
  type ObservedStep,
  type Property,
  rangeOf,
} from './property.js';

/** What the guest may expect to read of one table. */
interface Expected {
  readonly values: TceTable;
  /** 1 where a refused call may or may not have written. */
  readonly unknown: TceTable;
}
type Ledger = Readonly<Record<number, Expected>>;

const KNOWN = tce(0n);
const UNKNOWN = tce(1n);

const fresh = ({ nbTable }: EnabledTable): Expected => ({
  values: tceTable(nbTable),
  unknown: tceTable(nbTable),
});

/** Tables whose entries became 0 in this step: new ones, and those of VIO devices that were put back. */
function clearedIn({ moved }: ObservedStep): readonly bigint[] {
  const quiet = moved.delivered?.message.type !== 'H_FREE_CRQ';
  return moved.sent.flatMap(({ message }) => {
    if (message.type !== 'trace') return [];
    const { line } = message as unknown as Trace;
    if (line.event === 'spapr_iommu_new_table') return [line.liobn];
    return line.event === 'spapr_vio_free_crq' && quiet ? [line.unit] : [];
  });
}

/** Does a table only move in this step, with its entries? */
function moves(step: ObservedStep, liobn: number): boolean {
  const [before, after] = [step.before, step.moved.state].map((state) => {
    const qemu = guestsQemu(state);
    return { needVfio: enabledTable(qemu, BigInt(liobn))?.needVfio, holder: lockHolder(qemu) };
  });
  if (before?.needVfio === undefined || after?.needVfio === undefined) return false;
  const moving = 'spapr_tce_set_need_vfio';
  return (
    before.needVfio !== after.needVfio || before.holder.includes(moving) || after.holder.includes(moving)
  );
}

/** The ledger without what is gone, and with what is new. */
function renewed(ledger: Ledger, step: ObservedStep, qemu: QemuState): Ledger {
  const cleared = clearedIn(step).filter((liobn) => !moves(step, Number(liobn)));
  const next: Record<number, Expected> = {};
  let same = cleared.length === 0;
  for (const table of qemu.tables) {
    if (table.mode !== 'enabled') continue;
    const known = ledger[table.liobn];
    const isStale = cleared.includes(BigInt(table.liobn)) || known?.values.entries !== table.nbTable;
    if (isStale) same = false;
    next[table.liobn] = known === undefined || isStale ? fresh(table) : known;
  }
  return same && Object.keys(next).length === Object.keys(ledger).length ? ledger : next;
}

/** After a call that was accepted: its values are what is expected now. */
function put({ values, unknown }: Expected, { first, count }: EntryRange, tces: readonly bigint[] | bigint) {
  const [from, many] = [tceIndex(Number(first)), tceCount(Number(count))];
  const cleared = withFill(unknown, from, many, KNOWN);
  if (typeof tces === 'bigint') return { values: withFill(values, from, many, tce(tces)), unknown: cleared };
  const listed = Array.from({ length: many }, (_, place) => tce(tces[place] ?? 0n));
  return { values: withTces(values, from, listed), unknown: cleared };
}

/** After a call that was refused: it may have written a part. */
function doubt(expected: Expected, { first, count }: EntryRange): Expected {
  const size = BigInt(expected.values.entries);
  const from = first < 0n ? 0n : first;
  const to = first + count < size ? first + count : size;
  if (from >= to) return expected;
  const [at, many] = [tceIndex(Number(from)), tceCount(Number(to - from))];
  return { ...expected, unknown: withFill(expected.unknown, at, many, UNKNOWN) };
}

function readAnswer(
  { values, unknown }: Expected,
  { first }: EntryRange,
  call: TceHcall,
  got: bigint | null,
): string | null {
  const at = tceIndex(Number(first));
  if (tceAt(unknown, at) === UNKNOWN) return null;
  const last = tceAt(values, at);
  if (got === last) return null;
  const { liobn, ioba } = call;
  return `H_GET_TCE of ${hex(ioba)} in LIOBN ${hex(liobn)} returns ${got === null ? 'nothing' : hex(got)}, but the last value that was accepted there is ${hex(last)}.`;
}

interface Memory {
  readonly ledger: Ledger;
  readonly inFlight: readonly HcallInFlight[];
}

/** Calls on a table that was made anew meanwhile have written who knows where. */
const meddledBy = (inFlight: readonly HcallInFlight[], before: Ledger, after: Ledger) =>
  before === after
    ? inFlight
    : inFlight.map((each) => {
        const liobn = Number(each.call.liobn);
        return before[liobn] === after[liobn] ? each : { ...each, meddled: true };
      });

/** What an answered call means for what is expected of its table. */
function settle(expected: Expected, table: EnabledTable, { call, answer, meddled }: AnsweredHcall) {
  const range = rangeOf(table, call.ioba, pagesOf(call));
  const accepted = answer.status === 'H_SUCCESS' && isInside(range, table);
  const tces = writtenBy(call);
  if (tces === null) {
    const isRead = accepted && !meddled;
    return { expected, violation: isRead ? readAnswer(expected, range, call, answer.tce) : null, isRead };
  }
  const next = accepted && !meddled ? put(expected, range, tces) : doubt(expected, range);
  return { expected: next, violation: null, isRead: false };
}

export const noLostUpdate: Property<Memory> = {
  name: 'S-5',
  title: 'H_GET_TCE returns the last value that was accepted.',
  sometimes: 'an entry is read back',
  reads: ['qemu-spapr'],
  initial: { ledger: {}, inFlight: [] },
  observe: (memory, step) => {
    const qemu = guestsQemu(step.moved.state);
    if (qemu === undefined) return { memory, violation: null, reached: false };
    let ledger = inGuestsQemu(step) ? renewed(memory.ledger, step, qemu) : memory.ledger;
    const known = meddledBy(memory.inFlight, memory.ledger, ledger);
    const { inFlight, answered } = flightAfter(known, step, qemu);
    let [violation, reached]: [string | null, boolean] = [null, false];
    for (const each of answered) {
      const table = enabledTable(qemu, each.call.liobn);
      const expected = table === undefined ? undefined : ledger[table.liobn];
      if (table === undefined || expected === undefined) continue;
      const settled = settle(expected, table, each);
      violation ??= settled.violation;
      reached ||= settled.isRead;
      ledger = { ...ledger, [table.liobn]: settled.expected };
    }
    const same = ledger === memory.ledger && inFlight === memory.inFlight;
    return { memory: same ? memory : { ledger, inFlight }, violation, reached };
  },
};
