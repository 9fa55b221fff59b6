import {
  pageBytes,
  type TableAccessReturn,
  type TceCount,
  type TceIndex,
  type Ua,
  type UserspaceRun,
  type UserspaceSlotRead,
  type UserspaceSlotWrite,
} from '@spapr-dma/protocol';
import { withLevelPagesIn } from '@spapr-dma/tce-table';
import { failureOf, willFail } from './fail-next.js';
import { costs, type Running } from './sent.js';
import { type IommuTable, withIommuTable } from './state.js';
import { countWithLevels, pagesBetween } from './table-levels.js';
import { countInTree, forEachWord, withWords } from './table-memory.js';
import { assertInside, touchedTable } from './tce-xchg.js';

const slotReturn = (
  { type, from, thread, count }: UserspaceSlotRead | UserspaceSlotWrite,
  done: number,
  slots: readonly UserspaceRun[],
): TableAccessReturn => ({
  type: 'table-access-return',
  from: 'powernv-ioda2',
  to: from,
  thread,
  call: type,
  done: done as TceCount,
  ok: done === count,
  old: [],
  slots,
});

/** Brings in the missing levels of the view for a range; how many slots have theirs then. */
function allocate(running: Running, table: IommuTable, index: TceIndex, count: TceCount): number {
  const { slots, levels } = table.userspace!;
  const inside = countInTree(table, index, count);
  const there = countWithLevels(levels, index, inside);
  if (there === inside) return count;
  if (willFail(running, 'userspace_slot_alloc')) {
    failureOf(running, 'userspace_slot_alloc');
    return there;
  }
  const after = withLevelPagesIn(levels, index, inside);
  costs(running, 'table-page', pagesBetween(levels, after, running.powernv.config.hostPageShift));
  running.powernv = withIommuTable(running.powernv, { ...table, userspace: { slots, levels: after } });
  return count;
}

/**
 * Reads slots of the userspace view, as runs of ascending addresses. A slot whose level is missing is empty;
 * `done` tells how many stand before the first such one.
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda-tce.c: pnv_tce_useraddrptr
 */
export function userspaceSlotRead(running: Running, call: UserspaceSlotRead): TableAccessReturn {
  const { index, count, alloc } = call;
  const table = touchedTable(running, call.table);
  if (table === undefined || table.userspace === null) return slotReturn(call, 0, []);
  assertInside(running, table, index, count);
  const inside = countInTree(table, index, count);
  const there = countWithLevels(table.userspace.levels, index, inside);
  const done = alloc ? allocate(running, table, index, count) : there === inside ? count : there;
  return slotReturn(call, done, userspaceRuns(table, index, count));
}

/** What stands in a range of slots, as runs of ascending addresses. */
export function userspaceRuns(table: IommuTable, index: TceIndex, count: TceCount): readonly UserspaceRun[] {
  const step = pageBytes(table.pageShift);
  const runs: UserspaceRun[] = [];
  forEachWord(table, 'userspace', index, count, (offset, length, word) => {
    for (let n = 0; n < length; n += 1) {
      const at = (index + offset + n) as TceIndex;
      const last = runs.at(-1);
      const goesOn =
        last !== undefined &&
        last.index + last.count === at &&
        last.ua + step * BigInt(last.count) === BigInt(word);
      if (goesOn) runs[runs.length - 1] = { ...last, count: (last.count + 1) as TceCount };
      else runs.push({ index: at, count: 1 as TceCount, ua: BigInt(word) as Ua });
    }
  });
  return runs;
}

/** Writes ascending addresses into slots, bringing in levels, or empties those whose levels are there. */
export function userspaceSlotWrite(running: Running, call: UserspaceSlotWrite): TableAccessReturn {
  const { index, count, ua } = call;
  const table = touchedTable(running, call.table);
  if (table === undefined || table.userspace === null) return slotReturn(call, 0, []);
  assertInside(running, table, index, count);
  const done = ua === null ? count : (allocate(running, table, index, count) as TceCount);
  const now = touchedTable(running, call.table)!;
  const step = ua === null ? 0n : pageBytes(table.pageShift);
  running.powernv = withIommuTable(running.powernv, withWords(now, 'userspace', index, done, ua ?? 0n, step));
  return slotReturn(call, done, []);
}
