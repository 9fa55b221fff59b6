import { EVENT_FORMATS } from '../../src/log/event-formats.ts';

/** Numbers of the form, as spec and sources of QEMU have them. */
const HEADER_ID = 0xffff_ffff_ffff_ffffn;
const DROPPED_ID = 0xffff_ffff_ffff_fffen;
const MAGIC = 0xf2b1_77cb_0aa4_29b4n;

export type Argument = bigint | string;

/** Writes what QEMU's backend `simple` writes, in either byte order. */
export class Simpletrace {
  readonly #isBigEndian: boolean;
  readonly #ids = new Map<string, bigint>();

  constructor(isBigEndian = false) {
    this.#isBigEndian = isBigEndian;
  }

  u32(value: number): Buffer {
    const bytes = Buffer.alloc(4);
    if (this.#isBigEndian) bytes.writeUInt32BE(value);
    else bytes.writeUInt32LE(value);
    return bytes;
  }

  /** 64 bits, of a negative number too. */
  u64(value: bigint): Buffer {
    const bytes = Buffer.alloc(8);
    if (this.#isBigEndian) bytes.writeBigUInt64BE(BigInt.asUintN(64, value));
    else bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
    return bytes;
  }

  header({ magic = MAGIC, version = 4n } = {}): Buffer {
    return Buffer.concat([this.u64(HEADER_ID), this.u64(magic), this.u64(version)]);
  }

  mapping(id: bigint, name: string, length = Buffer.byteLength(name)): Buffer {
    return Buffer.concat([this.u64(0n), this.u64(id), this.u32(length), Buffer.from(name)]);
  }

  /** @param length what the record claims of its length, where that is not the truth */
  record(id: bigint, nanoseconds: bigint, args: Buffer, length = 24 + args.length): Buffer {
    const head = [this.u64(1n), this.u64(id), this.u64(nanoseconds), this.u32(length), this.u32(4711)];
    return Buffer.concat([...head, args]);
  }

  argument(value: Argument): Buffer {
    if (typeof value === 'bigint') return this.u64(value);
    const text = Buffer.from(value);
    return Buffer.concat([this.u32(text.length), text]);
  }

  /** An event by its name, with its mapping before it where it is the first of that name. */
  event(name: string, args: readonly Argument[], nanoseconds = 0n): Buffer {
    const known = this.#ids.get(name);
    const id = known ?? BigInt(this.#ids.size + 7);
    this.#ids.set(name, id);
    const bytes = Buffer.concat(args.map((value) => this.argument(value)));
    const record = this.record(id, nanoseconds, bytes);
    return known === undefined ? Buffer.concat([this.mapping(id, name), record]) : record;
  }

  dropped(count: bigint, nanoseconds = 0n): Buffer {
    return this.record(DROPPED_ID, nanoseconds, this.u64(count));
  }

  /** The record of a line of the text log. */
  line(text: string): Buffer {
    const [, seconds = '0', micros = '0', name = '', message = ''] =
      /^(?:\d+@(\d+)\.(\d{6}):)?(\w+) ?(.*)$/.exec(text) ?? [];
    const nanoseconds = BigInt(seconds) * 1_000_000_000n + BigInt(micros) * 1000n;
    return this.event(name, argumentsOf(name, message), nanoseconds);
  }

  log(lines: readonly string[]): Buffer {
    return Buffer.concat([this.header(), ...lines.map((line) => this.line(line))]);
  }
}

const PATTERNS: Readonly<Record<string, string>> = {
  '%x': '([0-9a-f]+)',
  '%w': '([0-9a-f]+)',
  '%p': '(0x[0-9a-f]+|\\(nil\\))',
  '%d': '(-?[0-9]+)',
  '%u': '([0-9]+)',
  '%s': '(.*)',
  '0x?': '(?:0x)?',
};

const quoted = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

const FORMS: ReadonlyMap<string, { readonly pattern: RegExp; readonly conversions: readonly string[] }> =
  new Map(
    EVENT_FORMATS.map(({ event, template }) => {
      const pieces = template.split(/(%[xwdups]|0x\?)/);
      const pattern = pieces.map((piece) => PATTERNS[piece] ?? quoted(piece)).join('');
      const conversions = pieces.filter((piece) => piece.startsWith('%'));
      return [event, { pattern: new RegExp(`^${pattern}$`), conversions }];
    }),
  );

function argumentOf(conversion: string | undefined, text: string): Argument {
  switch (conversion) {
    case '%s':
      return text;
    case '%p':
      return text === '(nil)' ? 0n : BigInt(text);
    case '%d':
    case '%u':
      return BigInt(text);
    default:
      return BigInt(`0x${text}`);
  }
}

/** What QEMU printed into a message; of an event that nobody reads, the message as one text. */
function argumentsOf(name: string, message: string): readonly Argument[] {
  const form = FORMS.get(name);
  if (form === undefined) return message === '' ? [] : [message];
  const found = form.pattern.exec(message);
  if (found === null) throw new Error(`no ${name}: ${message}`);
  return found.slice(1).map((text, at) => argumentOf(form.conversions[at], text));
}
