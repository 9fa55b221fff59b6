import { InputError } from '../input.js';

type Json = Readonly<Record<string, unknown>>;

/** Reads the fields of one JSON line, or of an object that stands in it, and says which one is wrong. */
export class Fields {
  readonly #object: Json;
  readonly #line: number;

  /** @throws InputError where the value is no object; `field` is where it stands */
  private constructor(value: unknown, line: number, field: string | null = null) {
    this.#line = line;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.wrong(field === null ? 'is not a JSON object' : `has something in '${field}' that is no object`);
    }
    this.#object = value as Json;
  }

  /** @throws InputError for a line that is no JSON object */
  static parse(text: string, line: number): Fields {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw new InputError(`line ${line} is not JSON`, line);
    }
    return new Fields(value, line);
  }

  wrong(what: string): never {
    throw new InputError(`line ${this.#line} ${what}`, this.#line);
  }

  has(name: string): boolean {
    return this.#object[name] !== undefined;
  }

  /** Whatever stands there. */
  value(name: string): unknown {
    return this.#object[name];
  }

  number(name: string): number {
    const value = this.#object[name];
    if (typeof value !== 'number' || !Number.isSafeInteger(value))
      this.wrong(`has no whole number in '${name}'`);
    return value as number;
  }

  /** A whole number from `min` to `max`. */
  numberIn(name: string, min: number, max: number): number {
    const value = this.number(name);
    if (value < min || value > max) this.wrong(`has ${value} in '${name}', which is not ${min} to ${max}`);
    return value;
  }

  string(name: string): string {
    const value = this.#object[name];
    if (typeof value !== 'string') this.wrong(`has no text in '${name}'`);
    return value as string;
  }

  /** One of these texts. */
  oneOf<Text extends string>(name: string, texts: readonly Text[]): Text {
    const value = this.#object[name] as Text;
    return texts.includes(value) ? value : this.wrong(`has none of ${texts.join(', ')} in '${name}'`);
  }

  list(name: string): readonly unknown[] {
    const value = this.#object[name];
    if (!Array.isArray(value)) this.wrong(`has no list in '${name}'`);
    return value as readonly unknown[];
  }

  /** The object that stands in a field. */
  object(name: string): Fields {
    return new Fields(this.#object[name], this.#line, name);
  }

  /** The objects of a list. */
  objects(name: string): readonly Fields[] {
    return this.list(name).map((value) => new Fields(value, this.#line, name));
  }

  /** Every text that stands in none of these fields. */
  textsBeside(names: ReadonlySet<string>): Readonly<Record<string, string>> {
    const isText = (entry: [string, unknown]): entry is [string, string] =>
      typeof entry[1] === 'string' && !names.has(entry[0]);
    return Object.fromEntries(Object.entries(this.#object).filter(isText));
  }

  /** A hex string of at most `bits` bits. */
  hex(name: string, value: unknown, bits: number): bigint {
    const number = isHex(value) ? bigintOf(value) : null;
    if (number === null) {
      this.wrong(`has a value in '${name}' that is no 64-bit hex number: ${JSON.stringify(value)}`);
    }
    if (bits < 64 && number >> BigInt(bits) !== 0n) {
      this.wrong(`has a value in '${name}' above ${bits} bits: ${value}`);
    }
    return number;
  }
}

const HEX_LENGTH_MAX = '0x'.length + 16;

/** Does it look like a hex number of 64 bits? Lists are long, so this asks no regular expression. */
const isHex = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= HEX_LENGTH_MAX && value.length > 2 && value.startsWith('0x');

function bigintOf(text: string): bigint | null {
  try {
    return BigInt(text);
  } catch {
    return null;
  }
}
