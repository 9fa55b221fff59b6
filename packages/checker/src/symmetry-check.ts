import { remember } from './answers.js';
import { MACHINE_FAILURE } from './findings.js';
import { Judge, type WrongState } from './judge.js';
import type { Model } from './model.js';
import { StateStore } from './state-store.js';
import { Successors } from './successors.js';
import type { Permutation } from './symmetry.js';
import { Symmetry } from './symmetry-rows.js';

/**
 * The permutations of a model that put its start in its own place. It takes that for no search to be right; one that
 * moves the start exchanges parts that do not begin alike, and may save little.
 */
export function startKept(model: Model): readonly Permutation[] {
  const remembered = remember(model);
  const symmetry = new Symmetry(remembered.tables);
  const start = remembered.start();
  const image = new Int32Array(start.length);
  return (model.symmetry ?? []).filter((_, permutation) => {
    symmetry.image(permutation, start, image);
    return image.every((id, place) => id === start[place]);
  });
}

/** What follows from a state: rows after it and what is wrong, in an order that does not depend on names. */
interface Future {
  readonly rows: readonly string[];
  readonly wrong: readonly string[];
}

/**
 * What a model's permutations change besides names, one sentence for each that does: an image has other steps than
 * the state whose image it is, or a property says something else of it. All states are gone through, with no use
 * made of the symmetry: it is for small models.
 * @throws RangeError for a model that has more states than the given number
 */
export function symmetryFaults(model: Model, statesMax = 100_000): readonly string[] {
  const remembered = remember(model);
  const { width, sources } = remembered.layout;
  const symmetry = new Symmetry(remembered.tables);
  const successors = new Successors(remembered);
  const judge = new Judge(remembered);
  const store = new StateStore(width);
  const faults = new Map<number, string>();

  const kinds = (wrong: readonly WrongState[] | undefined): readonly string[] =>
    (wrong ?? []).map(({ property }) => model.properties[property]?.name ?? MACHINE_FAILURE);

  /** The future of a state, or that of its image as it should be. */
  const futureOf = (state: Int32Array, permutation: number | null): Future => {
    judge.reached.fill(0);
    successors.reached.fill(0);
    const count = successors.expand(state);
    const image = new Int32Array(width);
    const rows = Array.from({ length: count }, (_, ordinal) => {
      const row = successors.rows.slice(ordinal * width, (ordinal + 1) * width);
      if (permutation === null) return row.join();
      symmetry.image(permutation, row, image);
      return image.join();
    });
    const wrong = [
      ...kinds(successors.wrong),
      ...kinds(judge.state(state, 0)),
      ...(count === 0 ? kinds(judge.rest(state, 0)) : []),
      // Whether a property met what it is about counts as well.
      ...[...judge.reached, ...successors.reached].flatMap((each, at) =>
        each === 1 ? [`reached ${at}`] : [],
      ),
    ];
    return { rows: rows.sort(), wrong: wrong.sort() };
  };

  const state = new Int32Array(width);
  const image = new Int32Array(width);
  store.add(remembered.start(), 0, 0);
  for (let row = 0; row < store.size; row += 1) {
    if (store.size > statesMax) throw new RangeError(`${model.name} has more than ${statesMax} states`);
    store.read(row, state);
    for (const permutation of sources.keys()) {
      if (faults.has(permutation)) continue;
      symmetry.image(permutation, state, image);
      const should = futureOf(state, permutation);
      const does = futureOf(image, null);
      const { name } = model.symmetry![permutation]!;
      if (should.wrong.join() !== does.wrong.join()) {
        const [of, ofImage] = [should, does].map(({ wrong }) => wrong.join(', ') || 'nothing');
        faults.set(permutation, `${name}: ${of} of a state (row ${row}), and ${ofImage} of its image`);
      } else if (should.rows.join(';') !== does.rows.join(';')) {
        faults.set(permutation, `${name}: the image of a state (row ${row}) has other steps than the state`);
      }
    }
    const count = successors.expand(state);
    for (let ordinal = 0; ordinal < count; ordinal += 1) store.add(successors.rows, ordinal * width, row);
  }
  return [...faults.values()];
}
