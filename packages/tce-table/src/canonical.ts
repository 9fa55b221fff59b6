import type { Tce, TceCount, TceIndex } from '@spapr-dma/protocol';
import { edit } from './edit.js';
import { highOf, lowOf, tceOf } from './halves.js';
import { type TceTable, tceTable } from './table.js';
import { forEachRun } from './walk.js';

/** Equal entries that follow each other: the first one's index, how many, and the TCE as `0x…`. */
export type CanonicalRun = readonly [first: number, count: number, tce: string];

/** What a table holds, as JSON: equal tables have equal texts, and nothing is left out. */
export interface CanonicalTces {
  readonly entries: number;
  /** The longest runs of equal entries that are not zero, in order. */
  readonly runs: readonly CanonicalRun[];
}

/** The content of a table, for keys of states and for files. */
export function canonicalTces(table: TceTable): CanonicalTces {
  const runs: CanonicalRun[] = [];
  forEachRun(table, (first, count, high, low) => {
    runs.push([first, count, `0x${tceOf(high, low).toString(16)}`]);
  });
  return { entries: table.entries, runs };
}

/**
 * The table with that content.
 * @throws RangeError if a run does not lie in the table.
 * @throws SyntaxError if a TCE is not a number.
 */
export function tcesFromCanonical({ entries, runs }: CanonicalTces): TceTable {
  return edit(tceTable(entries as TceCount), (editor) => {
    for (const [first, count, tce] of runs) {
      const value = BigInt(tce) as Tce;
      editor.fill(first as TceIndex, count as TceCount, highOf(value), lowOf(value));
    }
  });
}
