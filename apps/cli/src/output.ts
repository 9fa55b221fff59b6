/** The part of a stream that is written to here; those of the process have it, and those of a test. */
export interface Sink {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string, done: (error?: Error | null) => void): boolean;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/**
 * Writes to a stream whose reader may leave at any time, as `head` does: from then on nothing is written, and nobody
 * is told, because the status still says what was found.
 */
export class Output {
  readonly #sink: Sink;
  #isClosed = false;
  #last: Promise<void> = Promise.resolve();

  constructor(sink: Sink) {
    this.#sink = sink;
    sink.on('error', () => {
      this.#isClosed = true;
    });
  }

  get isTerminal(): boolean {
    return this.#sink.isTTY === true;
  }

  write(text: string): void {
    if (this.#isClosed || text === '') return;
    const written = new Promise<void>((resolve) => {
      this.#sink.write(text, (error) => {
        if (error) this.#isClosed = true;
        resolve();
      });
    });
    this.#last = Promise.all([this.#last, written]).then(() => {});
  }

  /** Waits until everything written has left. */
  flushed(): Promise<void> {
    return this.#last;
  }
}
