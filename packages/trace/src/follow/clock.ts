const NO_THREAD = -1;

/** Lines whose time lies before that of their thread's line before. */
export interface ClockReport {
  readonly backwards: number;
  readonly firstLine: number | null;
}

/**
 * Watches the timestamps. One thread's lines are in order unless the host's clock was set back, or somebody
 * moved lines about; the log does not tell which, so this is reported and refuses nothing.
 */
export class Clock {
  readonly #last = new Map<number, number>();
  /** The thread of the line before: most lines follow one of their own thread. */
  #thread = NO_THREAD;
  #seconds = Number.NaN;
  #backwards = 0;
  #firstLine: number | null = null;

  /** @param seconds NaN in a log without timestamps */
  tick(thread: number, seconds: number, line: number): void {
    if (thread === NO_THREAD) return;
    if (thread !== this.#thread) {
      this.#last.set(this.#thread, this.#seconds);
      this.#thread = thread;
      this.#seconds = this.#last.get(thread) ?? seconds;
    }
    if (seconds < this.#seconds) {
      this.#backwards++;
      this.#firstLine ??= line;
    }
    this.#seconds = seconds;
  }

  get report(): ClockReport {
    return { backwards: this.#backwards, firstLine: this.#firstLine };
  }
}
