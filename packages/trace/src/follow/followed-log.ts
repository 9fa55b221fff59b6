import { InputError } from '../input.js';
import { LineSplitter } from '../lines.js';
import { excerpt } from '../log/line-reader.js';
import { Numbers } from '../log/simpletrace-format.js';
import { SimpletraceReader } from '../log/simpletrace-reader.js';
import { SimpletraceSplitter } from '../log/simpletrace-splitter.js';
import { Follower } from './follow.js';
import type { FollowOptions } from './options.js';

/** A log of some form on its way through the follower. */
export interface FollowedLog {
  readonly follower: Follower;
  /**
   * Follows what ends in this chunk.
   * @returns false where nothing further is wanted
   * @throws InputError for what is no line of the log
   */
  take(chunk: Uint8Array): boolean;
  /** The input has ended. @throws InputError where that is no place to end */
  end(): void;
}

/** The longest line of a trace log is far below this. */
const LINE_BYTES_MAX = 1 << 16;
/** Records behind a divergence that may still tell of events that were lost before it: many times QEMU's buffer. */
const LOOK_AHEAD_RECORDS = 1 << 17;

/** A log of QEMU's backend `log`, or what claims to be one. */
export function followedText(options: FollowOptions): FollowedLog {
  const follower = new Follower(options);
  const splitter = new LineSplitter((bytes, start, end) => follower.take(bytes, start, end), LINE_BYTES_MAX);
  return {
    follower,
    take: (chunk) => splitter.take(chunk),
    end() {
      const rest = splitter.rest();
      if (rest !== null) takeRest(follower, rest);
    },
  };
}

/** Reads the last line, which no newline ends: it counts where it is whole, else the log was cut there. */
function takeRest(follower: Follower, rest: Buffer): void {
  const line = follower.lines + 1;
  const cut = (): never => {
    throw new InputError(
      `line ${line} ends without a newline: the log was cut in ${excerpt(rest, 0, rest.length)}`,
      line,
    );
  };
  let good = false;
  try {
    good = follower.take(rest, 0, rest.length);
  } catch (error) {
    if (error instanceof InputError) cut();
    throw error;
  }
  if (good) return;
  follower.divergence = null;
  cut();
}

/**
 * A log of QEMU's backend `simple`. QEMU notes that events were lost some time after it lost them, so a divergence
 * is no end yet: what tells of a loss may stand behind it.
 */
export function followedSimpletrace(options: FollowOptions): FollowedLog {
  const numbers = new Numbers();
  const reader = new SimpletraceReader(numbers);
  const follower = new Follower(options, reader);
  let behind = 0;
  const lookAhead = (bytes: Buffer, start: number, end: number): boolean => {
    behind++;
    return !reader.takeLost(bytes, start, end, follower.lines + behind) && behind < LOOK_AHEAD_RECORDS;
  };
  const splitter = new SimpletraceSplitter(
    numbers,
    (id, name) => reader.name(id, name),
    (bytes, start, end) => {
      if (follower.divergence !== null) return lookAhead(bytes, start, end);
      return follower.take(bytes, start, end) || reader.lost.firstLine === null;
    },
  );
  return { follower, take: (chunk) => splitter.take(chunk), end: () => splitter.finish() };
}
