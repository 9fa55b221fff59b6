import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { CELL, type Order, type Report, type Start } from './round.js';

/** Milliseconds after which a thread that has not been heard of is given up. */
const PATIENCE = 60_000;
/** Milliseconds of one wait. A process that was stopped for long comes back to one that has passed. */
const WAIT = 500;

/** The same file as this one in the ending: sources where sources are run, else what was built of them. */
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

/** The threads that help the one which has the model. */
export class Threads {
  readonly #cells: Int32Array;
  readonly #workers: readonly Worker[];
  readonly #ports: readonly MessagePort[];
  #failure: unknown = null;
  #areReady = false;

  constructor(count: number, start: Start) {
    this.#cells = start.cells;
    const channels = Array.from({ length: count }, () => new MessageChannel());
    this.#ports = channels.map(({ port1 }) => port1);
    this.#workers = channels.map(({ port2: port }) => {
      const worker = new Worker(WORKER, { workerData: { ...start, port }, transferList: [port] });
      // Heard only by a search that lets other things happen in between.
      worker.on('error', (error) => {
        this.#failure = error;
      });
      worker.unref();
      return worker;
    });
    for (const port of this.#ports) port.unref();
  }

  /** Whether all have started. @throws Error where one could not */
  get areReady(): boolean {
    if (this.#areReady) return true;
    if (this.#failure !== null) throw failureOf(this.#failure);
    if (Atomics.load(this.#cells, CELL.ready) < this.#workers.length) return false;
    for (const port of this.#ports) received(port);
    this.#areReady = true;
    return true;
  }

  /** @throws Error where they do not start */
  waitUntilReady(): void {
    this.#wait(CELL.ready, (ready) => ready === this.#workers.length);
  }

  /** Sends all of them to a round. */
  begin(order: Order): void {
    Atomics.store(this.#cells, CELL.taken, 0);
    Atomics.store(this.#cells, CELL.working, this.#workers.length);
    for (const port of this.#ports) port.postMessage(order);
  }

  /** What they came to, once all have. @throws Error where one has failed */
  end(): readonly Report[] {
    this.#wait(CELL.working, (working) => working === 0);
    return this.#ports.map((port) => received(port)!);
  }

  /** Ends them, wherever they are. */
  stop(): void {
    for (const port of this.#ports) port.close();
    for (const worker of this.#workers) void worker.terminate();
  }

  #wait(cell: number, isOver: (value: number) => boolean): void {
    let waits = 0;
    for (
      let value = Atomics.load(this.#cells, cell);
      !isOver(value);
      value = Atomics.load(this.#cells, cell)
    ) {
      waits = Atomics.wait(this.#cells, cell, value, WAIT) === 'timed-out' ? waits + 1 : 0;
      if (waits * WAIT >= PATIENCE) throw failureOf('it has stopped answering');
    }
  }
}

/** What a thread has said. @throws Error where it has failed */
function received(port: MessagePort): Report | null {
  const said: { readonly message: Report | null | Error } | undefined = receiveMessageOnPort(port);
  if (said === undefined) throw failureOf('it said nothing');
  if (said.message instanceof Error) throw failureOf(said.message);
  return said.message;
}

const failureOf = (reason: unknown): Error =>
  new Error(`a thread of the search failed: ${reason instanceof Error ? reason.message : String(reason)}`);
