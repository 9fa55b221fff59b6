import type { Model, OfferSource } from './model.js';
import { ENVIRONMENT } from './model.js';
import type { CheckedProperty, Observer, Reads } from './property.js';
import type { Permutation } from './symmetry.js';

/**
 * Where the parts of a global state stand in its row: for machine k the local state at 2k and the inbox at 2k + 1,
 * then the environment, then the memory of each observer that has one.
 */
export interface Layout {
  readonly machines: number;
  readonly environment: number;
  readonly width: number;
  /** By property: the place of its memory; −1 for none. */
  readonly memories: readonly number[];
  /** By property: what it looks at. */
  readonly reads: readonly CellReads[];
  /** Properties that are told of steps, that speak of every state, and that speak of states in which nobody can move. */
  readonly observers: readonly number[];
  readonly ofStates: readonly number[];
  readonly ofRest: readonly number[];
  /** By source of offers: what it looks at. */
  readonly offers: readonly CellReads[];
  /** By permutation and place: the place whose part comes there. */
  readonly sources: readonly (readonly number[])[];
}

/** What something looks at, as places of a row. */
export interface CellReads {
  /** Places of the machines' local states. */
  readonly locals: readonly number[];
  /** Places of inboxes, and that of the environment. */
  readonly others: readonly number[];
  /** `locals`, then `others`. */
  readonly cells: readonly number[];
  /** Places that a guard stands before. */
  readonly guarded: readonly number[];
}

const isRemembering = (property: CheckedProperty): property is Observer<unknown> =>
  property.kind === 'observer' && property.remembers;

/** The place of a machine in the model. @throws RangeError where it has none of that name */
export function machineNamed(model: Model, name: string): number {
  const at = model.machines.findIndex((machine) => machine.name === name);
  if (at < 0) throw new RangeError(`${model.name} has no machine ${name}`);
  return at;
}

function cellReads(model: Model, reads: Reads): CellReads {
  const environment = model.machines.length * 2;
  const local = (name: string): number => machineNamed(model, name) * 2;
  const inbox = (name: string): number => local(name) + 1;
  const locals = reads.machines.map(local);
  const others = [...(reads.inboxes ?? []).map(inbox), ...(reads.environment ? [environment] : [])];
  const guarded = [
    ...Object.keys(reads.guards ?? {}).map(local),
    ...Object.keys(reads.inboxGuards ?? {}).map(inbox),
  ];
  return { locals, others, cells: [...locals, ...others], guarded };
}

const readsOfSource = ({ reads = [], guards = {} }: OfferSource<unknown>): Reads => ({
  machines: reads,
  guards,
});

/** Places of the properties of some kind. */
const placesOf = (model: Model, isMeant: (property: CheckedProperty) => boolean): readonly number[] =>
  model.properties.flatMap((property, at) => (isMeant(property) ? [at] : []));

/** Where the parts of a row come from that a permutation puts into their places. */
function sourcesOf(model: Model, { name, machine = (same) => same }: Permutation, width: number): number[] {
  const sources = Array.from({ length: width }, (_, place) => place);
  const targets = model.machines.map((each) => machineNamed(model, machine(each.name)));
  if (new Set(targets).size !== targets.length)
    throw new RangeError(`${name} puts two machines in one place`);
  for (const [source, target] of targets.entries()) {
    sources[2 * target] = 2 * source;
    sources[2 * target + 1] = 2 * source + 1;
  }
  return sources;
}

/** @throws RangeError for a model that names what it does not have */
export function layoutOf(model: Model): Layout {
  const names = model.machines.map(({ name }) => name);
  if (new Set([...names, ENVIRONMENT]).size !== names.length + 1) {
    throw new RangeError(`${model.name} has two machines of one name, or one named ${ENVIRONMENT}`);
  }
  const environment = names.length * 2;
  let width = environment + 1;
  const memories = model.properties.map((property) => {
    if (!isRemembering(property)) return -1;
    width += 1;
    return width - 1;
  });
  const sources = model.environment?.sources ?? [];
  return {
    machines: names.length,
    environment,
    width,
    memories,
    reads: model.properties.map(({ reads }) => cellReads(model, reads)),
    observers: placesOf(model, ({ kind }) => kind === 'observer'),
    ofStates: placesOf(model, ({ kind }) => kind === 'invariant' || kind === 'sometimes'),
    ofRest: placesOf(
      model,
      (property) =>
        property.kind === 'deadlock' || (property.kind === 'observer' && property.atRest !== undefined),
    ),
    offers: sources.map((source) => cellReads(model, readsOfSource(source))),
    sources: (model.symmetry ?? []).map((permutation) => sourcesOf(model, permutation, width)),
  };
}
