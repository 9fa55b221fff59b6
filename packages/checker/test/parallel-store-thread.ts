import { workerData } from 'node:worker_threads';
import { MISSED } from '../src/parallel/missed.ts';
import { type Extent, SharedStore } from '../src/parallel/shared-store.ts';

/** What a thread that only adds rows is started with. */
export interface Adding {
  readonly rowCount: Uint32Array;
  readonly extent: Extent;
  readonly width: number;
  /** Rows are of numbers below this one. */
  readonly distinct: number;
  readonly times: number;
  /** What is added to the row's number, from call to call, to come to the next: threads meet on the way. */
  readonly stride: number;
  /** [threads that are here, threads that have ended, rows that were new, rows for which there was no room]. */
  readonly cells: Int32Array;
  readonly threads: number;
}

/** The row of a number: the same number in each of its places. */
export const rowOf = (n: number, width: number): Int32Array => new Int32Array(width).fill(n);

function addAll({ rowCount, extent, width, distinct, times, stride, cells, threads }: Adding): void {
  const store = new SharedStore(width, rowCount, false);
  store.adopt(extent);
  let fresh = 0;
  let without = 0;
  Atomics.add(cells, 0, 1);
  while (Atomics.load(cells, 0) < threads);
  for (let i = 0, n = 0; i < times; i += 1, n = (n + stride) % distinct) {
    try {
      if (store.add(rowOf(n, width), 0, n)) fresh += 1;
    } catch (error) {
      if (error !== MISSED) throw error;
      without += 1;
    }
  }
  Atomics.add(cells, 2, fresh);
  Atomics.add(cells, 3, without);
  Atomics.add(cells, 1, 1);
  Atomics.notify(cells, 1);
}

if (workerData !== null && typeof workerData === 'object' && 'extent' in workerData)
  addAll(workerData as Adding);
