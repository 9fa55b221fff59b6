import { StoryError } from '../errors.js';

/** Where a value stands: a file, and the way to it, as in `script[3].dmaMask`. */
export interface Place {
  readonly file: string;
  readonly path: string;
}

export const at = ({ file, path }: Place, part: string | number): Place => ({
  file,
  path: typeof part === 'number' ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`,
});

/** @throws StoryError with file, place and what was expected there */
export function mistake({ file, path }: Place, why: string): never {
  throw new StoryError(`${file}: ${path === '' ? 'the story' : path}: ${why}`);
}

/** How one kind of value is read, and how a JSON schema describes it. */
export interface Field<Value> {
  /** @throws StoryError for a value of another kind */
  readonly read: (value: unknown, place: Place) => Value;
  readonly schema: object;
  /** May be left out; then `read` gets undefined. */
  readonly optional?: true;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;
export type ValuesOf<Shape extends Fields> = {
  readonly [Name in keyof Shape]: Shape[Name] extends Field<infer Value> ? Value : never;
};

const HEX = /^0x[0-9a-f]{1,16}$/;

/** A 64-bit value: a string in lower-case hex, so that none is too large for JSON. */
export const u64: Field<bigint> = {
  read: (value, place) =>
    typeof value === 'string' && HEX.test(value)
      ? BigInt(value)
      : mistake(place, 'must be a string such as "0x1000": up to 16 hex digits in lower case'),
  schema: { type: 'string', pattern: HEX.source },
};

/** A whole number that is not negative. */
export const count: Field<number> = {
  read: (value, place) =>
    Number.isSafeInteger(value) && (value as number) >= 0
      ? (value as number)
      : mistake(place, 'must be a whole number, not negative'),
  schema: { type: 'integer', minimum: 0 },
};

export const text: Field<string> = {
  read: (value, place) =>
    typeof value === 'string' && value !== '' ? value : mistake(place, 'must be a text, not empty'),
  schema: { type: 'string', minLength: 1 },
};

export const flag: Field<boolean> = {
  read: (value, place) => (typeof value === 'boolean' ? value : mistake(place, 'must be true or false')),
  schema: { type: 'boolean' },
};

export const oneOf = <Value extends string | number>(...values: readonly Value[]): Field<Value> => ({
  read: (value, place) =>
    values.includes(value as Value)
      ? (value as Value)
      : mistake(place, `must be one of ${values.map((each) => JSON.stringify(each)).join(', ')}`),
  schema: { enum: values },
});

export const listOf = <Value>(item: Field<Value>): Field<readonly Value[]> => ({
  read: (value, place) =>
    Array.isArray(value)
      ? value.map((each, index) => item.read(each, at(place, index)))
      : mistake(place, 'must be a list'),
  schema: { type: 'array', items: item.schema },
});

/** A value that may be left out, and what then stands in its place. */
export const optional = <Value, Otherwise>(
  field: Field<Value>,
  otherwise: Otherwise,
): Field<Value | Otherwise> => ({
  read: (value, place) => (value === undefined ? otherwise : field.read(value, place)),
  schema: field.schema,
  optional: true,
});

/** Names with values of one kind. */
export const mapOf = <Value>(item: Field<Value>): Field<Readonly<Record<string, Value>>> => ({
  read: (value, place) =>
    Object.fromEntries(
      Object.entries(plainObject(value, place)).map(([name, each]) => [
        name,
        item.read(each, at(place, name)),
      ]),
    ),
  schema: { type: 'object', additionalProperties: item.schema },
});

function plainObject(value: unknown, place: Place): Record<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    mistake(place, 'must be an object');
  }
  return value as Record<string, unknown>;
}

/** An object of exactly these fields; `passing` are names that somebody else reads. */
export function readFields<Shape extends Fields>(
  shape: Shape,
  value: unknown,
  place: Place,
  passing: readonly string[] = [],
): ValuesOf<Shape> {
  const given = plainObject(value, place);
  const known = [...Object.keys(shape), ...passing];
  const stray = Object.keys(given).find((name) => !known.includes(name));
  if (stray !== undefined) mistake(at(place, stray), `is not known here; known are ${known.join(', ')}`);
  const entries = Object.entries(shape).map(([name, field]) => {
    if (given[name] === undefined && field.optional === undefined) mistake(at(place, name), 'is missing');
    return [name, field.read(given[name], at(place, name))];
  });
  return Object.fromEntries(entries) as ValuesOf<Shape>;
}

/** The JSON schema of an object of these fields. */
export const schemaOf = (shape: Fields, more: Readonly<Record<string, object>> = {}): object => ({
  type: 'object',
  properties: {
    ...more,
    ...Object.fromEntries(Object.entries(shape).map(([name, { schema }]) => [name, schema])),
  },
  required: [
    ...Object.keys(more).filter((name) => name === 'do'),
    ...Object.entries(shape).flatMap(([name, field]) => (field.optional === undefined ? [name] : [])),
  ],
  additionalProperties: false,
});

export const objectOf = <Shape extends Fields>(shape: Shape): Field<ValuesOf<Shape>> => ({
  read: (value, place) => readFields(shape, value, place),
  schema: schemaOf(shape),
});
