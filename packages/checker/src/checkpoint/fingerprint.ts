import { createHash, type Hash } from 'node:crypto';
import type { BreadthFirst } from '../breadth-first.js';
import { canonicalText } from '../canonical-text.js';
import type { IntList } from '../int-list.js';
import type { IntLists } from '../int-lists.js';
import { localText, startOf } from '../machines.js';
import type { Remembered } from '../remembered.js';

/** Tells a model from others by what it says of itself before it is asked anything. */
export function fingerprintOf({
  remembered,
  symmetry,
}: Pick<BreadthFirst, 'remembered' | 'symmetry'>): string {
  const { model, layout } = remembered;
  const text = canonicalText([
    model.name,
    model.machines.map((machine) => [machine.name, localText(machine, startOf(machine))]),
    model.environment?.initial ?? null,
    (model.inFlight ?? []).map(({ from, to, lane, message }) => [from, to, lane, message]),
    model.properties.map((property) => [
      property.name,
      property.kind,
      property.title,
      property.kind === 'observer' ? [property.remembers, property.initial] : null,
    ]),
    [layout.reads, layout.offers].map((each) => each.map(({ cells, guarded }) => [cells, guarded])),
    symmetry === null ? null : layout.sources,
  ]);
  return createHash('sha256').update(text).digest('hex');
}

/** Something that only grows, of which a part has been counted in. */
interface Growing {
  readonly hash: Hash;
  /** Counts in what came since. */
  readonly catchUp: () => void;
}

function textsOf(interner: { readonly size: number; texts(from: number): Iterable<string> }): Growing {
  const hash = createHash('sha256');
  let seen = 0;
  const catchUp = () => {
    for (const text of interner.texts(seen)) hash.update(`${text.length}:${text}`);
    seen = interner.size;
  };
  return { hash, catchUp };
}

function numbersOf(data: () => Int32Array, length: () => number): Growing {
  const hash = createHash('sha256');
  let seen = 0;
  const catchUp = () => {
    const end = length();
    hash.update(data().subarray(seen, end));
    seen = end;
  };
  return { hash, catchUp };
}

const ofList = (list: IntList): Growing =>
  numbersOf(
    () => list.data,
    () => list.length,
  );
const ofLists = (lists: IntLists): Growing =>
  numbersOf(
    () => lists.data,
    () => lists.endOf(lists.count - 1),
  );

/** Tells whether a model answered all questions as it did before. */
class Answers {
  readonly #parts: readonly Growing[];

  constructor({ locals, messages, environments, memories, verdicts, tables }: Remembered) {
    const { transitionNext, transitionSends, sends, moveLists, offerLists, observations } = tables;
    this.#parts = [
      ...[...locals, messages, environments, ...memories, verdicts].map(textsOf),
      ...[transitionNext, transitionSends].map(ofList),
      ...[sends, moveLists, offerLists, observations].map(ofLists),
    ];
  }

  digest(): string {
    const all = createHash('sha256');
    for (const { hash, catchUp } of this.#parts) {
      catchUp();
      all.update(hash.copy().digest());
    }
    return all.digest('hex');
  }
}

/** Kept, because a search that is written down often has long lists of which little is new. */
const ANSWERS = new WeakMap<Remembered, Answers>();

export function answersDigest(remembered: Remembered): string {
  const answers = ANSWERS.get(remembered) ?? new Answers(remembered);
  ANSWERS.set(remembered, answers);
  return answers.digest();
}
