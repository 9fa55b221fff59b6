import { type MessagePort, workerData } from 'node:worker_threads';
import { Tables } from '../tables.js';
import { missed } from './missed.js';
import { CELL, type Order, type Report, Rounds, type Start } from './round.js';
import { AttachedMemory } from './shared-memory.js';
import { SharedStore } from './shared-store.js';

/*
 * A thread that takes part in a search without having its model. It answers being started, and each round, with one
 * message; only then does it change the cell by which the other side knows.
 */
const { port, ...start } = workerData as Start & { readonly port: MessagePort };
const { cells } = start;

/** Says what came of something. */
function answer(work: () => Report | null): void {
  try {
    port.postMessage(work());
  } catch (error) {
    port.postMessage(error instanceof Error ? error : new Error(String(error)));
  }
}

answer(() => {
  const { layout, rowCount } = start;
  const memory = new AttachedMemory();
  const tables = new Tables(layout, memory);
  tables.answeredBy(missed);
  const store = new SharedStore(layout.width, rowCount, false);
  const rounds = new Rounds(tables, store, start);
  port.on('message', ({ pieces, extent, ...round }: Order) => {
    answer(() => {
      memory.adopt(pieces);
      store.adopt(extent);
      return rounds.run(round);
    });
    if (Atomics.sub(cells, CELL.working, 1) === 1) Atomics.notify(cells, CELL.working);
  });
  return null;
});
Atomics.add(cells, CELL.ready, 1);
Atomics.notify(cells, CELL.ready);
