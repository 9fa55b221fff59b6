import type { Position } from '../breadth-first.js';
import type { Found } from '../findings.js';
import { ROWS_MAX } from '../state-store.js';
import { CheckpointError } from './checkpoint-error.js';
import type { Header } from './format.js';

type Raw = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Raw =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCount = (value: unknown, max: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max;

function isFound(value: unknown, rows: number): value is Found {
  if (!isObject(value)) return false;
  const { property, verdict, row, ordinal, length } = value;
  return (
    (property === -1 || isCount(property, ROWS_MAX)) &&
    isCount(verdict, ROWS_MAX) &&
    isCount(row, rows - 1) &&
    (ordinal === null || isCount(ordinal, ROWS_MAX)) &&
    isCount(length, rows)
  );
}

function isPosition(value: unknown, rows: number): value is Position {
  if (!isObject(value)) return false;
  const { next, levelEnd, depth, transitions, seconds, reached, found } = value;
  return (
    isCount(levelEnd, rows) &&
    isCount(next, levelEnd) &&
    isCount(depth, rows) &&
    isCount(transitions, Number.MAX_SAFE_INTEGER) &&
    typeof seconds === 'number' &&
    seconds >= 0 &&
    Array.isArray(reached) &&
    reached.every((each) => isCount(each, 1)) &&
    Array.isArray(found) &&
    found.every((each) => isFound(each, rows))
  );
}

function isHeader(value: unknown): value is Header {
  if (!isObject(value)) return false;
  const { model, fingerprint, answers, width, rows, journal, position } = value;
  return (
    [model, fingerprint, answers].every((each) => typeof each === 'string') &&
    isCount(width, ROWS_MAX) &&
    isCount(rows, ROWS_MAX) &&
    rows > 0 &&
    isCount(journal, ROWS_MAX) &&
    isPosition(position, rows)
  );
}

/** @throws CheckpointError for bytes that are no header */
export function readHeader(bytes: Uint8Array, file: string): Header {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    value = null;
  }
  if (!isHeader(value))
    throw new CheckpointError(`${file} is damaged: it does not begin as a checkpoint does`);
  return value;
}
