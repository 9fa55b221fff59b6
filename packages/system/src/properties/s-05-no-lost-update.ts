import type { Hcall, Trace } from '@spapr-dma/protocol';
import { tce, tceCount, tceIndex } from '@spapr-dma/protocol';
import type { EnabledTable, QemuState } from '@spapr-dma/qemu-spapr';
import { type TceTable, tceAt, tceTable, withFill, withTces } from '@spapr-dma/tce-table';
import {
  arrivingCall,
  type EntryRange,
  enabledTable,
  guestsQemu,
  hcallAnswer,
  hex,
  inGuestsQemu,
  isInside,
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

/** The ledger without what is gone, and with what is new. */
function renewed(ledger: Ledger, step: ObservedStep, qemu: QemuState): Ledger {
  const cleared = new Set(clearedIn(step));
  const next: Record<number, Expected> = {};
  let same = cleared.size === 0;
  for (const table of qemu.tables) {
    if (table.mode !== 'enabled') continue;
    const known = ledger[table.liobn];
    const isStale = cleared.has(BigInt(table.liobn)) || known?.values.entries !== table.nbTable;
    if (isStale) same = false;
    next[table.liobn] = known === undefined || isStale ? fresh(table) : known;
  }
  return same && Object.keys(next).length === Object.keys(ledger).length ? ledger : next;
}

/** The values that a call writes: one for all, or one for each entry. */
function written(call: Hcall): readonly bigint[] | bigint | null {
  switch (call.type) {
    case 'H_PUT_TCE':
      return call.tce;
    case 'H_STUFF_TCE':
      return call.tceValue;
    case 'H_PUT_TCE_INDIRECT':
      return call.tces;
    default:
      return null;
  }
}

const pagesOf = (call: Hcall): bigint =>
  call.type === 'H_STUFF_TCE' || call.type === 'H_PUT_TCE_INDIRECT' ? call.npages : 1n;

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
  call: Hcall,
  got: bigint | null,
): string | null {
  const at = tceIndex(Number(first));
  if (tceAt(unknown, at) === UNKNOWN) return null;
  const last = tceAt(values, at);
  if (got === last) return null;
  const { liobn, ioba } = call as Extract<Hcall, { type: 'H_GET_TCE' }>;
  return `H_GET_TCE of ${hex(ioba)} in LIOBN ${hex(liobn)} returns ${got === null ? 'nothing' : hex(got)}, but the last value that was accepted there is ${hex(last)}.`;
}

export const noLostUpdate: Property<Ledger> = {
  name: 'S-5',
  title: 'H_GET_TCE returns the last value that was accepted.',
  sometimes: 'an entry is read back',
  initial: {},
  observe: (before, step) => {
    const qemu = guestsQemu(step.moved.state);
    if (qemu === undefined || !inGuestsQemu(step)) return { memory: before, violation: null, reached: false };
    const memory = renewed(before, step, qemu);
    const call = arrivingCall(step) as Hcall | undefined;
    const answer = hcallAnswer(step);
    const liobn = call !== undefined && 'liobn' in call ? call.liobn : undefined;
    const table = liobn === undefined ? undefined : enabledTable(qemu, liobn);
    if (call === undefined || answer === undefined || table === undefined || !('ioba' in call)) {
      return { memory, violation: null, reached: false };
    }
    const expected = memory[table.liobn]!;
    const range = rangeOf(table, call.ioba, pagesOf(call));
    const tces = written(call);
    if (tces === null) {
      const isRead = answer.status === 'H_SUCCESS' && isInside(range, table);
      const violation = isRead ? readAnswer(expected, range, call, answer.tce) : null;
      return { memory, violation, reached: isRead };
    }
    const accepted = answer.status === 'H_SUCCESS' && isInside(range, table);
    const next = accepted ? put(expected, range, tces) : doubt(expected, range);
    return { memory: { ...memory, [table.liobn]: next }, violation: null, reached: false };
  },
};
