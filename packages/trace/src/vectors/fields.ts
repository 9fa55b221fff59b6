import { InputError } from '../input.js';

/** Reads the fields of one JSON line, and says which one is wrong. */
export class Fields {
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #line: number;

  constructor(text: string, line: number) {
    this.#line = line;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      this.wrong('is not JSON');
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      this.wrong('is not a JSON object');
    this.#object = value as Readonly<Record<string, unknown>>;
  }

  wrong(what: string): never {
    throw new InputError(`line ${this.#line} ${what}`, this.#line);
  }

  has(name: string): boolean {
    return this.#object[name] !== undefined;
  }

  number(name: string): number {
    const value = this.#object[name];
    if (typeof value !== 'number' || !Number.isSafeInteger(value))
      this.wrong(`has no whole number in '${name}'`);
    return value as number;
  }

  string(name: string): string {
    const value = this.#object[name];
    if (typeof value !== 'string') this.wrong(`has no text in '${name}'`);
    return value as string;
  }

  list(name: string): readonly unknown[] {
    const value = this.#object[name];
    if (!Array.isArray(value)) this.wrong(`has no list in '${name}'`);
    return value as readonly unknown[];
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
