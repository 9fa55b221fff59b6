import type { Branch } from './branch.js';
import type { Divergence } from './divergence.js';
import { explainXlate, type XlateLine } from './explain-xlate.js';

const NO_THREAD = -1;
/** Writes that a late lookup may still have missed. */
const HISTORY_MAX = 64;
/** Lines that an early lookup waits for its write at most. */
const WAIT_LINES = 4096;
/** The same in a log without thread ids, where every line may be another thread's. */
const WAIT_LINES_NO_THREAD = 64;
/** Lines by which a late lookup may stand behind a write that it missed, in such a log. */
const LATE_LINES_NO_THREAD = 512;

interface Write {
  readonly line: number;
  /** The machine as it was before. */
  readonly before: Branch;
}

interface Waiting {
  readonly xlate: XlateLine;
  readonly thread: number;
  readonly divergence: Divergence;
  /** Threads that have logged something else since: their write was not this lookup's. */
  readonly crossed: Set<number>;
}

/**
 * A device's lookup takes no lock, so its line may stand before the line of the write that it saw, or
 * behind the line of a write that it did not see. Between two lines of its own thread, anything that other
 * threads wrote may have been there or not.
 */
export class Reordering {
  count = 0;
  /** A ring: the newest write stands at `#written - 1`. */
  readonly #history: Write[] = [];
  #written = 0;
  /** The last line that was taken, and its thread. */
  #line = 0;
  #thread = NO_THREAD;
  /** The last line of each other thread. */
  readonly #lastLine = new Map<number, number>();
  #waiting: Waiting[] = [];

  /** Lookups that still wait for the write that they saw. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** The same history, on which what follows here has no effect. */
  fork(): Reordering {
    const fork = new Reordering();
    fork.count = this.count;
    fork.#history.push(...this.#history);
    fork.#written = this.#written;
    fork.#line = this.#line;
    fork.#thread = this.#thread;
    for (const [thread, line] of this.#lastLine) fork.#lastLine.set(thread, line);
    fork.#waiting = this.#waiting.map((waiting) => ({ ...waiting, crossed: new Set(waiting.crossed) }));
    return fork;
  }

  /** Did the lookup see the table as it was before some write since its thread's last line? */
  sawEarlier(xlate: XlateLine, thread: number): boolean {
    const since = thread === NO_THREAD ? this.#line - LATE_LINES_NO_THREAD : this.#lastLineOf(thread);
    const oldest = Math.max(0, this.#written - HISTORY_MAX);
    for (let at = this.#written - 1; at >= oldest; at--) {
      const write = this.#history[at % HISTORY_MAX] as Write;
      // A thread's own writes lie before its last line, so what is left is another's.
      if (write.line <= since) return false;
      if (explainXlate(write.before, xlate) !== null) {
        this.count++;
        return true;
      }
    }
    return false;
  }

  /** A lookup that nothing explains yet waits for the write that it saw. */
  wait(xlate: XlateLine, thread: number, divergence: Divergence): void {
    this.#waiting.push({ xlate, thread, divergence, crossed: new Set() });
  }

  /** A write has been explained: lookups that waited for it are. */
  wrote(
    line: number,
    thread: number,
    before: Branch,
    branches: readonly Branch[],
    keep: (surviving: readonly Branch[]) => void,
  ): void {
    this.#history[this.#written++ % HISTORY_MAX] = { line, before };
    if (this.#waiting.length === 0) return;
    let surviving = branches;
    this.#waiting = this.#waiting.filter(({ xlate, thread: reader }) => {
      if (reader === thread && reader !== NO_THREAD) return true;
      const explaining = surviving.flatMap((branch) => explainXlate(branch, xlate) ?? []);
      if (explaining.length === 0) return true;
      surviving = explaining;
      this.count++;
      return false;
    });
    if (surviving !== branches) keep(surviving);
  }

  /** A line has been taken. The lookup whose write can no longer come is where log and machine part. */
  passed(line: number, thread: number): Divergence | null {
    if (thread !== this.#thread) this.#turnTo(thread, line);
    this.#line = line;
    if (this.#waiting.length === 0) return null;
    const lost = this.#waiting.find((waiting) => this.#isLost(waiting, line, thread));
    return lost?.divergence ?? null;
  }

  #turnTo(thread: number, line: number): void {
    if (this.#thread !== NO_THREAD) this.#lastLine.set(this.#thread, this.#line);
    if (thread !== NO_THREAD && !this.#lastLine.has(thread)) this.#lastLine.set(thread, line);
    this.#thread = thread;
  }

  #lastLineOf(thread: number): number {
    return thread === this.#thread ? this.#line : (this.#lastLine.get(thread) ?? 0);
  }

  /** What still waits when the log ends. */
  unresolved(): Divergence | null {
    return this.#waiting[0]?.divergence ?? null;
  }

  #isLost({ thread: reader, divergence, crossed }: Waiting, line: number, thread: number): boolean {
    const waited = line - divergence.line;
    if (reader === NO_THREAD) return waited > WAIT_LINES_NO_THREAD;
    if (thread !== reader && waited > 0) crossed.add(thread);
    return waited > WAIT_LINES || crossed.size >= this.#lastLine.size - 1;
  }
}
