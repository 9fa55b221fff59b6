/** A value of an argument, as a machine gives it. */
export type Value = string | number | bigint | boolean | null | undefined;

/** What a recording calls an object and what the machines call it, one to one: `TBL1` ↔ `4`, by kind. */
export type Names = ReadonlyMap<string, string>;

/** Kinds of which the machines may call two by the same number: each PHB numbers its PEs. */
const NOT_UNIQUE: readonly string[] = ['PE'];

/** The names with one pair more; null where one of the two is known by another name. */
export function withName(names: Names, kind: string, label: string, own: Value): Names | null {
  const key = `${kind} ${label}`;
  const object = `${kind} ${own}`;
  const known = names.get(key);
  if (known !== undefined) return known === object ? names : null;
  const taken = !NOT_UNIQUE.includes(kind) && [...names.values()].includes(object);
  return taken ? null : new Map(names).set(key, object);
}

/** The names without one: the object has gone, and the next may get its address or number. */
export function withoutName(names: Names, kind: string, label: string): Names {
  const rest = new Map(names);
  rest.delete(`${kind} ${label}`);
  return rest;
}

/** Whether a number is the one recorded, in whatever digits. Nothing counts as 0, a flag as 0 or 1. */
export function isNumber(own: Value, recorded: string): boolean {
  if (own === undefined || (typeof own === 'string' && !/^-?(0x[0-9a-f]+|\d+)$/.test(own))) return false;
  return BigInt(own ?? 0) === BigInt(recorded);
}

/** What is known by which name, for messages. */
export const namesAsText = (names: Names): string =>
  [...names].map(([label, own]) => `${label.split(' ')[1]} is ${own}`).join(', ');
