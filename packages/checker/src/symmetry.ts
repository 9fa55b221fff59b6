import { type RenameHints, renamed } from './symmetry-renamed.js';

/** What tells a machine's local state from its others. */
export interface LocalParts {
  readonly value: unknown;
  readonly context: unknown;
}

/**
 * A way to exchange parts of a model for others of their kind, so that nothing but names differs afterwards: if one
 * state leads to another, the image of the first leads to that of the second, and each property says the same of a
 * state and of its image. What is left out stays as it is.
 *
 * A search takes this on trust, and `symmetryFaults` tells for a small model whether it is so.
 */
export interface Permutation {
  /** For whoever reads. */
  readonly name: string;
  /** The machine that a machine changes places with. Both must have the same chart. */
  readonly machine?: (name: string) => string;
  /** The local state of the machine that takes this one's place. */
  readonly local?: (machine: string, parts: LocalParts) => LocalParts;
  // biome-ignore lint/suspicious/noExplicitAny: a model's messages are its own business
  readonly message?: (message: any) => { readonly type: string };
  readonly lane?: (lane: string) => string;
  // biome-ignore lint/suspicious/noExplicitAny: an environment's state is its own business
  readonly environment?: (state: any) => unknown;
  // biome-ignore lint/suspicious/noExplicitAny: an observer's memory is its own business
  readonly memory?: (property: string, memory: any) => unknown;
}

const isSame = (names: readonly string[], order: readonly string[]): boolean =>
  names.every((name, at) => name === order[at]);

/** All orders of some names, the given one first. */
function ordersOf(names: readonly string[]): readonly (readonly string[])[] {
  if (names.length === 0) return [[]];
  return names.flatMap((first, at) => ordersOf(names.toSpliced(at, 1)).map((rest) => [first, ...rest]));
}

/**
 * The exchange of parts that are called by names: of machines, threads, lanes, or whatever else. The names are
 * exchanged wherever they stand by themselves, as a value or as a key; hints say where they stand otherwise.
 */
export function renaming(to: ReadonlyMap<string, string>, hints: RenameHints = {}): Permutation {
  const rename = <Data>(data: Data, root: string): Data => renamed(data, to, hints, root);
  const renameName = (name: string): string => to.get(name) ?? name;
  return {
    name: [...to].flatMap(([name, next]) => (name === next ? [] : [`${name} → ${next}`])).join(', '),
    machine: renameName,
    local: (machine, { value, context }) => ({
      value: rename(value, `${machine}.value`),
      context: rename(context, machine),
    }),
    message: (message) => rename(message, 'message'),
    lane: renameName,
    environment: (state) => rename(state, 'environment'),
    memory: (property, memory) => rename(memory, `memory.${property}`),
  };
}

/** All ways to exchange parts for each other that are called by the given names. */
export const interchangeable = (names: readonly string[], hints: RenameHints = {}): readonly Permutation[] =>
  ordersOf(names)
    .filter((order) => !isSame(names, order))
    .map((order) => renaming(new Map(names.map((name, at) => [name, order[at]!])), hints));

const identity = <Value>(value: Value): Value => value;

/** The second after the first. */
const after = (first: Permutation, second: Permutation): Permutation => {
  const machine = first.machine ?? identity;
  return {
    name: `${first.name}; ${second.name}`,
    machine: (name) => (second.machine ?? identity)(machine(name)),
    local: (name, parts) => {
      const between = first.local?.(name, parts) ?? parts;
      return second.local?.(machine(name), between) ?? between;
    },
    message: (message) => (second.message ?? identity)((first.message ?? identity)(message)),
    lane: (lane) => (second.lane ?? identity)((first.lane ?? identity)(lane)),
    environment: (state) => (second.environment ?? identity)((first.environment ?? identity)(state)),
    memory: (property, memory) => {
      const between = first.memory === undefined ? memory : first.memory(property, memory);
      return second.memory === undefined ? between : second.memory(property, between);
    },
  };
};

/** Several kinds of parts that are exchanged independently of each other: every combination. */
export const together = (
  ...[kind, ...kinds]: readonly (readonly Permutation[])[]
): readonly Permutation[] => {
  if (kind === undefined) return [];
  const rest = together(...kinds);
  return [...kind, ...rest, ...kind.flatMap((first) => rest.map((second) => after(first, second)))];
};
