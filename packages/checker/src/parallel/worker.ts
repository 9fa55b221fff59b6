import { type MessagePort, workerData } from 'node:worker_threads';
import { Tables } from '../tables.js';
import { missed } from './missed.js';
import { CELL, type Order, Rounds, type Start } from './round.js';
import { AttachedMemory } from './shared-memory.js';
import { SharedStore } from './shared-store.js';

/** A thread that takes part in a search without having its model. */
const { port, ...start } = workerData as Start & { readonly port: MessagePort };
const { layout, cells, rowCount } = start;
const memory = new AttachedMemory();
const tables = new Tables(layout, memory);
tables.answeredBy(missed);
const store = new SharedStore(layout.width, rowCount, false);
const rounds = new Rounds(tables, store, start);

port.on('message', ({ pieces, extent, ...round }: Order) => {
  try {
    memory.adopt(pieces);
    store.adopt(extent);
    port.postMessage(rounds.run(round));
  } catch (error) {
    port.postMessage(error instanceof Error ? error : new Error(String(error)));
  }
  if (Atomics.sub(cells, CELL.working, 1) === 1) Atomics.notify(cells, CELL.working);
});
Atomics.add(cells, CELL.ready, 1);
Atomics.notify(cells, CELL.ready);
