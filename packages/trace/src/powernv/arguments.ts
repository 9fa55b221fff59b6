import { InputError } from '../input.js';
import type { RecordingRow } from './row.js';

/** An address of the process: relative to its buffer, or as it stands. */
export type Place =
  | { readonly kind: 'buffer'; readonly offset: bigint }
  | { readonly kind: 'absolute'; readonly address: bigint };

const NUMBER = /^(?:0x[0-9a-f]+|\d+)$/i;
const REGISTER_MAX = (1n << 64n) - 1n;

/** The number a word is, decimal or `0x…`, of at most 64 bits; null for any other word. */
export function numberIn(word: string): bigint | null {
  if (!NUMBER.test(word)) return null;
  const number = BigInt(word);
  return number <= REGISTER_MAX ? number : null;
}

/** `buf+OFFSET`, a number, or `(nil)`; null for any other word. */
export function placeIn(word: string): Place | null {
  if (word === '(nil)') return { kind: 'absolute', address: 0n };
  const relative = word.startsWith('buf+');
  const number = numberIn(relative ? word.slice('buf+'.length) : word);
  if (number === null) return null;
  return relative ? { kind: 'buffer', offset: number } : { kind: 'absolute', address: number };
}

/** The arguments of one call: `key=value` words, and words that stand alone. */
export class Arguments {
  readonly words: readonly string[];
  readonly #named: ReadonlyMap<string, string>;
  readonly #line: number;

  /** @param text what stands in the line's `args`, or in its stead */
  constructor({ line }: Pick<RecordingRow, 'line'>, text: string) {
    const named = new Map<string, string>();
    const words: string[] = [];
    for (const word of text.split(' ')) {
      const at = word.indexOf('=');
      if (at > 0) named.set(word.slice(0, at), word.slice(at + 1));
      else if (word !== '') words.push(word);
    }
    this.words = words;
    this.#named = named;
    this.#line = line;
  }

  wrong(what: string): never {
    throw new InputError(`line ${this.#line} ${what}`, this.#line);
  }

  has(name: string): boolean {
    return this.#named.has(name);
  }

  /** The value of a key as a number, or what holds where the line does not have it. @throws InputError */
  bigint(name: string, absent: bigint): bigint {
    const word = this.#named.get(name);
    if (word === undefined) return absent;
    return numberIn(word) ?? this.wrong(`has no 64-bit number in '${name}' of its args: ${word}`);
  }

  /** The same for what is small: descriptors, flags, shifts. @throws InputError */
  number(name: string): number | null {
    if (!this.has(name)) return null;
    const value = this.bigint(name, 0n);
    return value <= 0xffff_ffffn
      ? Number(value)
      : this.wrong(`has a value in '${name}' of its args above 32 bits`);
  }

  /** An address of the process. @throws InputError */
  place(name: string): Place | null {
    const word = this.#named.get(name);
    if (word === undefined) return null;
    return placeIn(word) ?? this.wrong(`has no address in '${name}' of its args: ${word}`);
  }

  /** The word at a place among those that stand alone. @throws InputError where there is none */
  word(at: number, what: string): string {
    return this.words[at] ?? this.wrong(`has no ${what} in its args`);
  }
}
