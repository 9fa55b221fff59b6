/** Measuring for the benchmarks of this package: the best of several runs, and a table of the results. */
import { cpus } from 'node:os';

/** Keeps results alive, so that no measured work can be left out as unused. */
let sink: unknown;
export const keep = (value: unknown): void => {
  sink = value;
};
export const kept = (): unknown => sink;

/**
 * Nanoseconds of processor time that an operation takes, where `work` does `operations` of them: the best of the runs
 * after one to warm up. Collecting garbage counts, on whatever thread it happens; what else the machine does, does not.
 */
export function nanoseconds(operations: number, work: () => unknown, runs = 9): number {
  const times: number[] = [];
  for (let run = 0; run <= runs; run += 1) {
    globalThis.gc?.();
    const start = process.cpuUsage();
    keep(work());
    const { user, system } = process.cpuUsage(start);
    if (run > 0) times.push(((user + system) * 1000) / operations);
  }
  return Math.min(...times);
}

/** Bytes of memory that what `make` answers takes, inside the engine's heap and outside it. */
export function bytesOf(make: () => unknown): number {
  const used = (): number => {
    globalThis.gc?.();
    globalThis.gc?.();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  make();
  keep(undefined);
  const before = used();
  keep(make());
  const after = used();
  keep(undefined);
  return after - before;
}

const figure = (value: number): string => {
  if (!Number.isFinite(value)) return '-';
  if (value >= 1000) return Math.round(value).toLocaleString('en');
  return value.toPrecision(3);
};

/** Prints rows of figures under a title, with a column for each way of doing the thing. */
export function printTable(
  title: string,
  columns: readonly string[],
  rows: readonly (readonly [string, ...(number | undefined)[]])[],
): void {
  const cells = rows.map(([name, ...figures]) => [
    name,
    ...figures.map((value) => figure(value ?? Number.NaN)),
  ]);
  const all = [[title, ...columns], ...cells];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  console.log();
  for (const row of all) {
    console.log(
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
        .join('  '),
    );
  }
}

/** Prints what the figures were measured on. */
export const printConditions = (): void =>
  console.log(`Node ${process.versions.node}, ${cpus()[0]?.model ?? 'unknown processor'}`);

/** A sequence of whole numbers below `limit` that repeats for each seed: no benchmark depends on chance. */
export function sequence(length: number, limit: number, seed = 1): Float64Array {
  const numbers = new Float64Array(length);
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
  for (let at = 0; at < length; at += 1)
    numbers[at] = Math.floor(((next() * 2 ** 20 + (next() >>> 12)) / 2 ** 52) * limit);
  return numbers;
}
