/** One field of a template, or the text between two. */
type Part =
  | { readonly kind: 'text'; readonly bytes: Uint8Array }
  | { readonly kind: 'optional'; readonly bytes: Uint8Array }
  | { readonly kind: 'hex' | 'word' | 'decimal' | 'signed' | 'pointer'; readonly field: number }
  | { readonly kind: 'string'; readonly field: number; readonly until: Uint8Array };

/** A template made ready for matching. */
export interface Template {
  readonly parts: readonly Part[];
  readonly fields: number;
}

/** Numbers of a line, by field: 64 bits in two halves, and the sign of a decimal one. */
export class Fields {
  readonly high = new Uint32Array(8);
  readonly low = new Uint32Array(8);
  readonly negative = new Uint8Array(8);

  /** The field as an unsigned 64-bit value. */
  value(field: number): bigint {
    const high = this.high[field] as number;
    const low = this.low[field] as number;
    return high === 0 ? BigInt(low) : (BigInt(high) << 32n) | BigInt(low);
  }

  /** The field as a number; exact up to 2^53. */
  number(field: number): number {
    const magnitude = (this.high[field] as number) * 0x1_0000_0000 + (this.low[field] as number);
    return this.negative[field] === 1 ? -magnitude : magnitude;
  }
}

const KINDS = { x: 'hex', w: 'word', d: 'signed', u: 'decimal', p: 'pointer' } as const;
const encoder = new TextEncoder();
const NO_BYTES = new Uint8Array(0);

/** Makes a template ready. A template is ours, so a mistake in it is a mistake of ours. */
export function compileTemplate(source: string): Template {
  const parts: Part[] = [];
  let fields = 0;
  for (const piece of source.split(/(%[xwdups]|0x\?)/)) {
    if (piece === '') continue;
    if (piece === '0x?') parts.push({ kind: 'optional', bytes: encoder.encode('0x') });
    else if (piece === '%s') parts.push({ kind: 'string', field: fields++, until: NO_BYTES });
    else if (piece[0] === '%') {
      parts.push({ kind: KINDS[piece[1] as keyof typeof KINDS], field: fields++ });
    } else parts.push({ kind: 'text', bytes: encoder.encode(piece) });
  }
  return { parts: parts.map((part, at) => bounded(part, parts[at + 1])), fields };
}

/** A text field ends where the text that follows it begins. */
const bounded = (part: Part, next: Part | undefined): Part =>
  part.kind === 'string' && next?.kind === 'text' ? { ...part, until: next.bytes } : part;

/** The value of a hex digit, or -1. */
function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  if (byte >= 97 && byte <= 102) return byte - 87;
  return -1;
}

const HEX_DIGITS_MAX = 16;
const DECIMAL_DIGITS_MAX = 19;
const NIL = encoder.encode('(nil)');

/** Does `bytes` stand in the buffer at `at`, before `end`? */
function stands(buffer: Uint8Array, at: number, end: number, bytes: Uint8Array): boolean {
  if (at + bytes.length > end) return false;
  for (let i = 0; i < bytes.length; i++) if (buffer[at + i] !== bytes[i]) return false;
  return true;
}

/** Reads up to 16 hex digits into a field; the new place, or -1 where there is no number or too long a one. */
function readHex(buffer: Uint8Array, start: number, end: number, into: Fields, field: number): number {
  let at = start;
  let high = 0;
  let low = 0;
  for (; at < end; at++) {
    const digit = hexDigit(buffer[at] as number);
    if (digit < 0) break;
    high = ((high << 4) | (low >>> 28)) >>> 0;
    low = ((low << 4) | digit) >>> 0;
  }
  if (at === start || at - start > HEX_DIGITS_MAX) return -1;
  into.high[field] = high;
  into.low[field] = low;
  into.negative[field] = 0;
  return at;
}

/** Reads a decimal number below 2^53 into a field; the new place, or -1. */
function readDecimal(buffer: Uint8Array, start: number, end: number, into: Fields, field: number): number {
  let at = start;
  let value = 0;
  for (; at < end; at++) {
    const digit = (buffer[at] as number) - 48;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  if (at === start || at - start > DECIMAL_DIGITS_MAX || value > Number.MAX_SAFE_INTEGER) return -1;
  into.high[field] = Math.floor(value / 0x1_0000_0000);
  into.low[field] = value >>> 0;
  into.negative[field] = 0;
  return at;
}

function readSigned(buffer: Uint8Array, start: number, end: number, into: Fields, field: number): number {
  const negative = buffer[start] === 45;
  const at = readDecimal(buffer, negative ? start + 1 : start, end, into, field);
  if (at >= 0 && negative) into.negative[field] = 1;
  return at;
}

/** A pointer as printf writes it: hex with 0x, or the C library's name of the null pointer. */
function readPointer(buffer: Uint8Array, start: number, end: number, into: Fields, field: number): number {
  if (stands(buffer, start, end, NIL)) {
    into.high[field] = 0;
    into.low[field] = 0;
    return start + NIL.length;
  }
  if (buffer[start] !== 48 || buffer[start + 1] !== 120) return -1;
  return readHex(buffer, start + 2, end, into, field);
}

/** Passes over text up to what ends it; -1 where that does not come. */
function skipString(buffer: Uint8Array, start: number, end: number, until: Uint8Array): number {
  if (until.length === 0) return end;
  for (let at = start; at + until.length <= end; at++) if (stands(buffer, at, end, until)) return at;
  return -1;
}

/**
 * Reads bytes [start, end) by a template into `fields`.
 * @returns false where they do not fit it from their first byte to their last
 */
export function matchTemplate(
  { parts }: Template,
  buffer: Uint8Array,
  start: number,
  end: number,
  fields: Fields,
): boolean {
  let at = start;
  for (const part of parts) {
    switch (part.kind) {
      case 'text':
        at = stands(buffer, at, end, part.bytes) ? at + part.bytes.length : -1;
        break;
      case 'optional':
        if (stands(buffer, at, end, part.bytes)) at += part.bytes.length;
        break;
      case 'hex':
        at = readHex(buffer, at, end, fields, part.field);
        break;
      case 'word':
        at = readHex(buffer, at, end, fields, part.field);
        if (fields.high[part.field] !== 0) return false;
        break;
      case 'decimal':
        at = readDecimal(buffer, at, end, fields, part.field);
        break;
      case 'signed':
        at = readSigned(buffer, at, end, fields, part.field);
        break;
      case 'pointer':
        at = readPointer(buffer, at, end, fields, part.field);
        break;
      case 'string':
        at = skipString(buffer, at, end, part.until);
        break;
    }
    if (at < 0) return false;
  }
  return at === end;
}
