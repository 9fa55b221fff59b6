import type { LostEvents } from './lost-events.js';
import type { Fields } from './template.js';

/** The thread of a line that does not name one. */
export const NO_THREAD = -1;

/**
 * Reads the lines of a log, one by one, and keeps count of what it met. What a line holds stands in the reader until
 * the next line: a log has millions of lines, and none of them becomes an object of its own.
 */
export interface LogReader {
  /** What the log is made of. */
  readonly unit: 'line' | 'record';
  /** Name of the event, or null for a line that is passed over. */
  readonly event: string | null;
  readonly fields: Fields;
  /** Linux thread id, or -1 where the log has none. */
  readonly thread: number;
  /** Seconds since the epoch or the host's start, or NaN where the log has none. */
  readonly seconds: number;
  /** How often each event was read, by name. */
  readonly events: Record<string, number>;
  /** How often each other line was passed over. */
  readonly ignored: Record<string, number>;
  readonly lost: LostEvents;
  /** Is there any line of the sPAPR machine yet? */
  readonly hasEvents: boolean;

  /**
   * Reads bytes [start, end) as a line.
   * @returns true where it is an event whose parts are now in the fields, false where it is passed over
   * @throws InputError for a line of a known event that does not have its form, and for what is no line
   */
  read(buffer: Buffer, start: number, end: number, line: number): boolean;

  /** The line that was read, as a person wants to see it. */
  text(buffer: Buffer, start: number, end: number): string;

  /** A reader of the same log that has counted nothing yet. */
  anew(): LogReader;
}
