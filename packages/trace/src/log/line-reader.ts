import { isUtf8 } from 'node:buffer';
import { InputError } from '../input.js';
import { EVENT_FORMATS } from './event-formats.js';
import { Ignored } from './ignored.js';
import { type LogReader, NO_THREAD } from './log-reader.js';
import type { LostEvents } from './lost-events.js';
import { compileTemplate, Fields, matchTemplate, type Template } from './template.js';

/** An event whose lines are read, with what is counted of it. */
interface KnownEvent {
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly template: Template;
  count: number;
}

const NOT_AN_EVENT = '(not a trace event)';

const COLON = 58;
const SPACE = 32;
const CARRIAGE_RETURN = 13;

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 48 && byte <= 57;
const isNameByte = (byte: number): boolean =>
  (byte >= 97 && byte <= 122) || byte === 95 || (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90);

/** A cheap number from a name's length and some of its letters, to find the event by. */
function nameHash(buffer: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (buffer[at] as number)) | 0;
  return hash;
}

/** Reads the lines that QEMU's backend `log` writes, with or without `PID@SECONDS.MICROS:` in front. */
export class LineReader implements LogReader {
  readonly unit = 'line';
  event: string | null = null;
  readonly fields = new Fields();
  thread = NO_THREAD;
  /** Seconds since the epoch, or NaN where the log has none. */
  seconds = Number.NaN;
  /** A text log leaves nothing out. */
  readonly lost: LostEvents = { events: 0, firstLine: null };

  readonly #events = new Map<number, KnownEvent>();
  readonly #ignored = new Ignored();

  constructor() {
    const encoder = new TextEncoder();
    for (const { event, template } of EVENT_FORMATS) {
      const nameBytes = encoder.encode(event);
      const hash = nameHash(nameBytes, 0, nameBytes.length);
      if (this.#events.has(hash)) throw new Error(`two event names share the hash of ${event}`);
      this.#events.set(hash, { name: event, nameBytes, template: compileTemplate(template), count: 0 });
    }
  }

  get events(): Record<string, number> {
    const seen = [...this.#events.values()].filter(({ count }) => count > 0);
    return Object.fromEntries(seen.map(({ name, count }) => [name, count]).sort());
  }

  get ignored(): Record<string, number> {
    return this.#ignored.counts;
  }

  get hasEvents(): boolean {
    for (const { count } of this.#events.values()) if (count > 0) return true;
    return false;
  }

  text(buffer: Buffer, start: number, end: number): string {
    return excerpt(buffer, start, end, WHOLE_LINE_BYTES);
  }

  anew(): LineReader {
    return new LineReader();
  }

  read(buffer: Buffer, start: number, lineEnd: number, line: number): boolean {
    const end = lineEnd > start && buffer[lineEnd - 1] === CARRIAGE_RETURN ? lineEnd - 1 : lineEnd;
    const nameStart = this.#readPrefix(buffer, start, end);
    let nameEnd = nameStart;
    while (nameEnd < end && isNameByte(buffer[nameEnd] as number)) nameEnd++;
    const known = this.#events.get(nameHash(buffer, nameStart, nameEnd));
    if (known === undefined || !sameName(known, buffer, nameStart, nameEnd)) {
      this.#passOver(buffer, start, end, nameStart, nameEnd, line);
      return false;
    }
    const separated = buffer[nameEnd] === SPACE && nameEnd < end;
    if (!separated || !matchTemplate(known.template, buffer, nameEnd + 1, end, this.fields)) {
      throw new InputError(`line ${line} is no ${known.name} line: ${excerpt(buffer, nameStart, end)}`, line);
    }
    known.count++;
    this.event = known.name;
    return true;
  }

  /** Reads `PID@SECONDS.MICROS:` where it stands; the place after it. */
  #readPrefix(buffer: Buffer, start: number, end: number): number {
    this.thread = NO_THREAD;
    this.seconds = Number.NaN;
    if (!isDigit(buffer[start])) return start;
    let at = start;
    let thread = 0;
    for (; at < end && isDigit(buffer[at]); at++) thread = thread * 10 + (buffer[at] as number) - 48;
    if (buffer[at] !== 64) return start;
    let seconds = 0;
    for (at++; at < end && isDigit(buffer[at]); at++) seconds = seconds * 10 + (buffer[at] as number) - 48;
    if (buffer[at] !== 46) return start;
    let micros = 0;
    for (at++; at < end && isDigit(buffer[at]); at++) micros = micros * 10 + (buffer[at] as number) - 48;
    if (buffer[at] !== COLON || at >= end) return start;
    this.thread = thread;
    this.seconds = seconds + micros / 1e6;
    return at + 1;
  }

  /** Counts a line that is none of ours, under its event's name where it has one. */
  #passOver(
    buffer: Buffer,
    start: number,
    end: number,
    nameStart: number,
    nameEnd: number,
    line: number,
  ): void {
    this.event = null;
    const text = buffer.subarray(start, end);
    if (text.includes(0) || !isUtf8(text)) throw new InputError(`line ${line} is not text`, line);
    const isEvent =
      nameEnd > nameStart + 2 &&
      (nameEnd === end || buffer[nameEnd] === SPACE) &&
      (nameStart > start || text.includes('_'.charCodeAt(0)));
    const name = isEvent ? buffer.toString('latin1', nameStart, nameEnd) : NOT_AN_EVENT;
    this.#ignored.count(name);
  }
}

function sameName({ nameBytes }: KnownEvent, buffer: Uint8Array, start: number, end: number): boolean {
  if (nameBytes.length !== end - start) return false;
  for (let i = 0; i < nameBytes.length; i++) if (nameBytes[i] !== buffer[start + i]) return false;
  return true;
}

/** What a sentence can hold of a line, and what is longer than any line of a known event. */
const EXCERPT_BYTES = 120;
const WHOLE_LINE_BYTES = 1000;

/** The beginning of a line, printable. */
export function excerpt(buffer: Buffer, start: number, end: number, bytesMax = EXCERPT_BYTES): string {
  const text = buffer.toString('utf8', start, Math.min(end, start + bytesMax));
  const printable = text.replace(/[^\x20-\x7e]/g, '?');
  return end - start > bytesMax ? `${printable}…` : printable;
}
