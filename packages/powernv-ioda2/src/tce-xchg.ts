import {
  type HardwareRun,
  type Hpa,
  high32,
  low32,
  pageBytes,
  type TableAccessReturn,
  type TceCount,
  type TceIndex,
  type TceXchg,
} from '@spapr-dma/protocol';
import { edit, type TceTable, tceLowAt, tceTable, withLevelPagesIn } from '@spapr-dma/tce-table';
import { failureOf, willFail } from './fail-next.js';
import { peNow } from './opal.js';
import { costs, type Running } from './sent.js';
import { type IommuTable, peOfGroup, tableOf, withAccident, withIommuTable, withPe } from './state.js';
import { allocatedEntriesIn, countWithLevels, pagesBetween } from './table-levels.js';
import { countInTree, forEachWord, withWords } from './table-memory.js';
import { tceInvalidate } from './tce-invalidate.js';

const READ = 1n;
const WRITE = 2n;
const PERMISSIONS = READ | WRITE;

/** What the hardware gets for a permission: whoever may write may read. */
const protoTce = (perm: number): bigint =>
  (BigInt(perm) & WRITE) === 0n ? BigInt(perm) & PERMISSIONS : PERMISSIONS;

/** What an exchange found and left, for whoever sends the answer. */
export interface Exchanged {
  readonly done: TceCount;
  readonly old: readonly HardwareRun[];
  readonly walked: TceCount;
}

/** The table to work on: a freed one too, if something still names it, which is an accident. */
export function touchedTable(running: Running, id: number): IommuTable | undefined {
  const table = tableOf(running.powernv, id);
  if (table?.mode !== 'live') running.powernv = withAccident(running.powernv, 'useAfterFree');
  return table;
}

/** Makes a note of an access beyond the end of the table. */
export function assertInside(running: Running, table: IommuTable, first: number, count: number): void {
  if (first + count > table.size) running.powernv = withAccident(running.powernv, 'outOfBounds');
}

/**
 * Exchanges a run of entries. Clearing steps over what has no level; writing allocates the levels it needs, and
 * ends before the first entry whose level cannot be had. A write without permission keeps its address, which
 * maps nothing but is not zero, and allocates nothing.
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda-tce.c: pnv_tce_xchg, pnv_tce
 */
export function exchange(
  running: Running,
  id: number,
  { index, count, hpa, perm }: Pick<TceXchg, 'index' | 'count' | 'hpa' | 'perm'>,
): Exchanged {
  const table = touchedTable(running, id);
  if (table === undefined || count === 0) return { done: 0 as TceCount, old: [], walked: 0 as TceCount };
  assertInside(running, table, index, count);
  const proto = protoTce(perm);
  const step = hpa === 0n && proto === 0n ? 0n : pageBytes(table.pageShift);
  const writes = proto === 0n ? exchangeWithout : exchangeWith;
  return writes(running, table, index, count, hpa | proto, step);
}

/** With a permission: allocates. */
function exchangeWith(
  running: Running,
  table: IommuTable,
  index: TceIndex,
  count: TceCount,
  word: bigint,
  step: bigint,
): Exchanged {
  const { config } = running.powernv;
  const inside = countInTree(table, index, count);
  let done = count;
  let pages = table.hardwareLevels;
  if (inside > 0 && willFail(running, 'tce_level_alloc')) {
    const there = countWithLevels(pages, index, inside);
    if (there < inside) {
      failureOf(running, 'tce_level_alloc');
      done = there;
    }
  } else if (inside > 0) {
    pages = withLevelPagesIn(pages, index, inside);
    costs(running, 'table-page', pagesBetween(table.hardwareLevels, pages, config.hostPageShift));
  }
  const old = store(running, { ...table, hardwareLevels: pages }, index, done, word, step);
  costs(running, 'map', done);
  return { done, old, walked: done };
}

/** Without: writes only where a level is there. */
function exchangeWithout(
  running: Running,
  table: IommuTable,
  index: TceIndex,
  count: TceCount,
  word: bigint,
  step: bigint,
): Exchanged {
  const inside = countInTree(table, index, count);
  const walked = (allocatedEntriesIn(table.hardwareLevels, index, inside) + count - inside) as TceCount;
  if (step === 0n || walked === count) {
    return { done: count, old: store(running, table, index, count, word, step), walked };
  }
  // An address without permission, over levels that are missing here and there: entry by entry.
  const old: HardwareRun[] = [];
  for (let n = 0; n < count; n += 1) {
    const at = (index + n) as TceIndex;
    const now = tableOf(running.powernv, table.table)!;
    if (n < inside && countWithLevels(now.hardwareLevels, at, 1 as TceCount) === 0) continue;
    for (const run of store(running, now, at, 1 as TceCount, word + step * BigInt(n), step)) {
      addRun(old, run, table);
    }
  }
  return { done: count, old, walked };
}

/** Stores ascending words and tells what stood there; what was valid may still be in a cache. */
function store(
  running: Running,
  table: IommuTable,
  index: TceIndex,
  count: TceCount,
  word: bigint,
  step: bigint,
): readonly HardwareRun[] {
  if (count === 0) return [];
  const old = hardwareRuns(table, index, count);
  keepInCaches(running, table, old);
  const after = withWords(table, 'hardware', index, count, word, step);
  if (after !== table || table !== tableOf(running.powernv, table.table)) {
    running.powernv = withIommuTable(running.powernv, after);
  }
  if (!running.powernv.config.features.killSplit) tceInvalidate(running, after, index, count, count);
  return old;
}

/** What stands in a range of entries, as runs of ascending addresses. */
export function hardwareRuns(table: IommuTable, index: TceIndex, count: TceCount): readonly HardwareRun[] {
  const runs: HardwareRun[] = [];
  forEachWord(table, 'hardware', index, count, (offset, length, word) => {
    const hpa = (word & ~PERMISSIONS) as Hpa;
    const perm = Number(word & PERMISSIONS);
    for (let n = 0; n < length; n += 1) {
      addRun(runs, { index: (index + offset + n) as TceIndex, count: 1 as TceCount, hpa, perm }, table);
    }
  });
  return runs;
}

/** Adds a run, to the last one where addresses and rights go on. */
function addRun(runs: HardwareRun[], run: HardwareRun, { pageShift }: IommuTable): void {
  const last = runs.at(-1);
  const goesOn =
    last !== undefined &&
    last.index + last.count === run.index &&
    last.perm === run.perm &&
    last.hpa + (BigInt(last.count) << BigInt(pageShift)) === run.hpa;
  if (goesOn) runs[runs.length - 1] = { ...last, count: (last.count + run.count) as TceCount };
  else runs.push(run);
}

/**
 * Until they are killed, the PHB may use translations that were there before.
 *
 * Abstraction: of an entry that changes twice before a kill, the older translation is kept.
 */
function keepInCaches(running: Running, table: IommuTable, old: readonly HardwareRun[]): void {
  const valid = old.filter(({ perm, index }) => perm !== 0 && index < table.hardware.entries);
  if (valid.length === 0 || !running.powernv.config.features.killSplit) return;
  for (const group of table.groups) {
    const pe = peNow(running, peOfGroup(running.powernv, group)!);
    const others = pe.cache.filter((each) => each.table !== table.table);
    const had = pe.cache.find((each) => each.table === table.table)?.tces ?? tceTable(table.hardware.entries);
    const tces = valid.reduce((cached, run) => withOlder(cached, run, table), had);
    const cache = [...others, { table: table.table, tces }].sort((a, b) => a.table - b.table);
    running.powernv = withPe(running.powernv, { ...pe, cache });
  }
}

/** The cached translations with those of a run, where there were none. */
function withOlder(cached: TceTable, run: HardwareRun, { pageShift }: IommuTable): TceTable {
  return edit(cached, (editor) => {
    const end = Math.min(run.index + run.count, cached.entries);
    for (let at = run.index as number; at < end; at += 1) {
      if (tceLowAt(cached, at as TceIndex) !== 0) continue;
      const word = (run.hpa + (BigInt(at - run.index) << BigInt(pageShift))) | BigInt(run.perm);
      editor.put(at as TceIndex, high32(word), low32(word));
    }
  });
}

/** The call of KVM and VFIO: exchanges a run of entries, and answers with what stood there. */
export function tceXchg(running: Running, call: TceXchg): TableAccessReturn {
  const { done, old, walked } = exchange(running, call.table, call);
  return {
    type: 'table-access-return',
    from: 'powernv-ioda2',
    to: call.from,
    thread: call.thread,
    call: call.type,
    done,
    ok: done === call.count,
    old,
    slots: [],
    walked,
  };
}
