import { InputError } from '../input.js';
import { EVENT_FORMATS } from './event-formats.js';
import { Ignored } from './ignored.js';
import { type LogReader, NO_THREAD } from './log-reader.js';
import type { LostEvents } from './lost-events.js';
import { argumentsOf, messageOf, readArguments } from './simpletrace-arguments.js';
import {
  DROPPED_BYTES,
  DROPPED_ID_HIGH,
  DROPPED_ID_LOW,
  EVENT_BYTES,
  type Numbers,
  TIME_AT,
} from './simpletrace-format.js';
import { compileTemplate, Fields } from './template.js';

/** What a log calls an event, and how its arguments are read where it is one of ours. */
interface NamedEvent {
  readonly name: string;
  readonly form: EventForm | null;
}

interface EventForm {
  readonly template: ReturnType<typeof compileTemplate>;
  readonly args: ReturnType<typeof argumentsOf>;
  count: number;
}

const formsOf = (): ReadonlyMap<string, EventForm> =>
  new Map(
    EVENT_FORMATS.map(({ event, template: source }) => {
      const template = compileTemplate(source);
      return [event, { template, args: argumentsOf(template), count: 0 }];
    }),
  );

/** QEMU has some five thousand events; a log of nothing but names must not fill the memory. */
const NAMES_MAX = 1 << 16;
const LOST = 'dropped';
const NANOSECONDS = 1e9;
const EXCERPT_BYTES = 40;

/**
 * Reads the records of events that QEMU's backend `simple` writes. They name the process and not the thread, so no
 * record has one; their time counts from the start of the host.
 */
export class SimpletraceReader implements LogReader {
  readonly unit = 'record';
  event: string | null = null;
  readonly fields = new Fields();
  readonly thread = NO_THREAD;
  /** Seconds since the start of the host. */
  seconds = Number.NaN;

  readonly #numbers: Numbers;
  readonly #names: Map<number, NamedEvent>;
  readonly #forms = formsOf();
  readonly #ignored = new Ignored();
  #form: EventForm | null = null;
  #lost: LostEvents = { events: 0, firstLine: null };

  constructor(numbers: Numbers, names: ReadonlyMap<number, NamedEvent> = new Map()) {
    this.#numbers = numbers;
    this.#names = new Map([...names].map(([id, { name }]) => [id, this.#named(name)]));
  }

  get events(): Record<string, number> {
    const seen = [...this.#forms].filter(([, { count }]) => count > 0);
    return Object.fromEntries(seen.map(([name, { count }]) => [name, count] as const).sort());
  }

  get ignored(): Record<string, number> {
    return this.#ignored.counts;
  }

  get hasEvents(): boolean {
    for (const { count } of this.#forms.values()) if (count > 0) return true;
    return false;
  }

  get lost(): LostEvents {
    return this.#lost;
  }

  #named(name: string): NamedEvent {
    return { name, form: this.#forms.get(name) ?? null };
  }

  /** The log calls an event by this number from here on. */
  name(id: number, name: string): void {
    this.#names.set(id, this.#named(name));
    if (this.#names.size > NAMES_MAX) throw new InputError(`the log names more than ${NAMES_MAX} events`);
  }

  read(buffer: Buffer, start: number, end: number, line: number): boolean {
    const numbers = this.#numbers;
    this.event = null;
    this.seconds = numbers.number(buffer, start + TIME_AT) / NANOSECONDS;
    const named = this.#names.get(numbers.number(buffer, start));
    if (named === undefined) return this.#takeUnnamed(buffer, start, end, line);
    const { name, form } = named;
    if (form === null) {
      this.#ignored.count(name);
      return false;
    }
    const args = start + EVENT_BYTES;
    if (!readArguments(form.args, numbers, buffer, args, end, this.fields)) {
      throw new InputError(`record ${line} is no ${name} record: ${argumentsText(buffer, args, end)}`, line);
    }
    form.count++;
    this.#form = form;
    this.event = name;
    return true;
  }

  #takeUnnamed(buffer: Buffer, start: number, end: number, line: number): false {
    if (!this.takeLost(buffer, start, end, line)) {
      const id = this.#numbers.number(buffer, start);
      throw new InputError(`record ${line} is of event ${id}, which the log does not name`, line);
    }
    this.#ignored.count(LOST);
    return false;
  }

  /**
   * Takes note of a record that tells of lost events.
   * @returns false where it tells of something else
   */
  takeLost(buffer: Buffer, start: number, end: number, line: number): boolean {
    const numbers = this.#numbers;
    if (numbers.high(buffer, start) !== DROPPED_ID_HIGH) return false;
    if (numbers.low(buffer, start) !== DROPPED_ID_LOW) return false;
    if (end - start !== DROPPED_BYTES) {
      throw new InputError(`record ${line} tells of lost events, and has no number of them`, line);
    }
    const { events, firstLine } = this.#lost;
    const more = numbers.number(buffer, start + EVENT_BYTES);
    this.#lost = { events: events + more, firstLine: firstLine ?? line };
    return true;
  }

  text(): string {
    return this.#form === null ? '' : `${this.event} ${messageOf(this.#form.template, this.fields)}`;
  }

  anew(): SimpletraceReader {
    return new SimpletraceReader(this.#numbers, this.#names);
  }
}

/** What stands in place of an event's arguments. */
function argumentsText(buffer: Buffer, start: number, end: number): string {
  if (start === end) return 'it has no arguments';
  const bytes = buffer.toString('hex', start, Math.min(end, start + EXCERPT_BYTES));
  return `its arguments are the ${end - start} bytes ${bytes}${end - start > EXCERPT_BYTES ? '…' : ''}`;
}
