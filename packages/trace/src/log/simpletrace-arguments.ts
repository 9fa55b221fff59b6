import type { Numbers } from './simpletrace-format.js';
import type { Fields, Template } from './template.js';

type Part = Template['parts'][number];
type Argument = Extract<Part, { field: number }>;

const NUMBER_BYTES = 8;
const LENGTH_BYTES = 4;
const SIGN_BIT = 0x8000_0000;
const ALL_ONES = 0xffff_ffff;
/** The upper half of 2^53: numbers that are printed in decimal are read exactly. */
const EXACT_HIGH = 0x20_0000;

/** The arguments of an event: a message prints each of them once, in their order. */
export const argumentsOf = ({ parts }: Template): readonly Argument[] =>
  parts.filter((part): part is Argument => 'field' in part);

/** Puts a number into a field, as its conversion would print it; false where it does not. */
function takeNumber({ kind, field }: Argument, high: number, low: number, into: Fields): boolean {
  into.high[field] = high;
  into.low[field] = low;
  into.negative[field] = 0;
  switch (kind) {
    case 'word':
      // An `int` is widened with its sign, and printed without.
      into.high[field] = 0;
      return high === 0 || (high === ALL_ONES && low >= SIGN_BIT);
    case 'signed':
      if (high >= SIGN_BIT) {
        into.negative[field] = 1;
        into.low[field] = -low;
        into.high[field] = low === 0 ? -high : ~high;
      }
      return (into.high[field] as number) < EXACT_HIGH;
    case 'decimal':
      return high < EXACT_HIGH;
    default:
      return true;
  }
}

/**
 * Reads bytes [start, end) as an event's arguments into `fields`; texts are passed over.
 * @returns false where they do not fit from the first byte to the last
 */
export function readArguments(
  args: readonly Argument[],
  numbers: Numbers,
  buffer: Buffer,
  start: number,
  end: number,
  fields: Fields,
): boolean {
  let at = start;
  for (const argument of args) {
    if (argument.kind === 'string') {
      if (at + LENGTH_BYTES > end) return false;
      at += LENGTH_BYTES + numbers.u32(buffer, at);
    } else {
      if (at + NUMBER_BYTES > end) return false;
      if (!takeNumber(argument, numbers.high(buffer, at), numbers.low(buffer, at), fields)) return false;
      at += NUMBER_BYTES;
    }
  }
  return at === end;
}

/** The message that QEMU would have printed of the fields; a text is left out. */
export function messageOf({ parts }: Template, fields: Fields): string {
  const printed = (part: Part): string => {
    switch (part.kind) {
      case 'text':
      case 'optional':
        return Buffer.from(part.bytes).toString();
      case 'string':
        return '…';
      case 'signed':
      case 'decimal':
        return `${fields.number(part.field)}`;
      case 'pointer':
        return fields.value(part.field) === 0n ? '(nil)' : `0x${fields.value(part.field).toString(16)}`;
      default:
        return fields.value(part.field).toString(16);
    }
  };
  return parts.map(printed).join('');
}
