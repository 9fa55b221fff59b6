/** Texts of sub-objects that were met before. It must not outlive a change to any of them. */
export type KnownTexts = WeakMap<object, string>;

/** In characters. To remember a shorter text costs more than to write it anew. */
const REMEMBERED_LENGTH_MIN = 128;

/**
 * Plain data as text that is equal exactly where two values are: keys are sorted, fields that are undefined are left
 * out, a bigint ends in `n`, a typed array bears its name. Never read back, so what JSON cannot say is written too.
 *
 * With `known`, objects and arrays that were met before are not walked again. They must never change in place.
 * @throws TypeError that names the place, for whatever is not plain data: two states that differ only in a Map would
 *   otherwise be taken for one
 */
export function canonicalText(value: unknown, known?: KnownTexts): string {
  try {
    return textOf(value, known);
  } catch (error) {
    if (!(error instanceof NotPlain)) throw error;
    throw new TypeError(`${placeOf(error)} is ${error.what}, which is not plain data`);
  }
}

/** Raised where it is found; each object around it adds its own part of the place. */
class NotPlain extends Error {
  readonly what: string;
  readonly inward: string[] = [];
  constructor(what: string) {
    super(what);
    this.what = what;
  }
}

const placeOf = ({ inward }: NotPlain): string => `the value${inward.toReversed().join('')}`;

function textOf(value: unknown, known: KnownTexts | undefined): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      return Object.is(value, -0) ? '-0' : `${value}`;
    case 'bigint':
      return `${value}n`;
    case 'boolean':
    case 'undefined':
      return `${value}`;
    case 'object':
      return value === null ? 'null' : objectText(value, known);
    default:
      throw new NotPlain(`a ${typeof value}`);
  }
}

function objectText(value: object, known: KnownTexts | undefined): string {
  if (known === undefined) return newText(value, known);
  const before = known.get(value);
  if (before !== undefined) return before;
  const text = newText(value, known);
  if (text.length >= REMEMBERED_LENGTH_MIN) known.set(value, text);
  return text;
}

function newText(value: object, known: KnownTexts | undefined): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Array.prototype) return arrayText(value as readonly unknown[], known);
  if (prototype === Object.prototype || prototype === null) return recordText(value, known);
  if (isTypedArray(value, prototype)) return `${value[Symbol.toStringTag]}[${value.join()}]`;
  const { name } = value.constructor ?? {};
  throw new NotPlain(`an instance of ${name || 'an unnamed class'}`);
}

function arrayText(array: readonly unknown[], known: KnownTexts | undefined): string {
  let text = '[';
  for (let at = 0; at < array.length; at += 1) {
    const part = array[at];
    if (at > 0) text += ',';
    try {
      text += textOf(part, known);
    } catch (error) {
      if (error instanceof NotPlain) error.inward.push(`[${at}]`);
      throw error;
    }
  }
  return `${text}]`;
}

function recordText(record: object, known: KnownTexts | undefined): string {
  const fields = record as Readonly<Record<string, unknown>>;
  let text = '{';
  for (const key of sortedKeys(record)) {
    const part = fields[key];
    if (part === undefined) continue;
    if (text.length > 1) text += ',';
    try {
      text += `${JSON.stringify(key)}:${textOf(part, known)}`;
    } catch (error) {
      if (error instanceof NotPlain) error.inward.push(`.${key}`);
      throw error;
    }
  }
  if (Object.getOwnPropertySymbols(record).length > 0)
    throw new NotPlain('an object with a symbol for a key');
  return `${text}}`;
}

/** Most objects of a machine are written with one order of keys; sorting costs more than seeing that. */
function sortedKeys(record: object): readonly string[] {
  const keys = Object.keys(record);
  for (let at = 1; at < keys.length; at += 1) if (keys[at - 1]! > keys[at]!) return keys.sort();
  return keys;
}

type TypedArray = Uint8Array | Int32Array | Float64Array | BigUint64Array;

const TYPED_PROTOTYPE: unknown = Object.getPrototypeOf(Uint8Array.prototype);

/** Their own kinds only: a class that extends one may hold more than the numbers. */
const isTypedArray = (value: object, prototype: unknown): value is TypedArray =>
  ArrayBuffer.isView(value) && Object.getPrototypeOf(prototype) === TYPED_PROTOTYPE;
