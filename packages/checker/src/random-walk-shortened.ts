import { canonicalText } from './canonical-text.js';
import { Judge } from './judge.js';
import { type Taken, Walk } from './random-walk-path.js';
import type { Remembered } from './remembered.js';
import type { TraceStep } from './result.js';

/** Steps that are tried for the sake of one shorter path, at most. */
const TRIED_MAX = 2_000_000;

/** A path on which a property is violated, and how. */
export interface Shortened {
  readonly verdict: number;
  readonly steps: readonly TraceStep[];
}

/**
 * Leaves steps out of a path for as long as it still violates a property: loops first, then shorter and shorter
 * parts, down to single steps.
 */
export function shortened(remembered: Remembered, taken: readonly Taken[], property: number): Shortened {
  const trial = new Trial(remembered, property);
  let path = trial.withoutLoops(taken);
  for (let size = path.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at < path.length && trial.tried < TRIED_MAX; ) {
      const shorter = trial.violating([...path.slice(0, at), ...path.slice(at + size)]);
      if (shorter === undefined) at += size;
      else path = shorter;
    }
  }
  return trial.shown(path);
}

/** Plays paths again, with steps left out. */
class Trial {
  readonly #remembered: Remembered;
  readonly #property: number;
  readonly #walk: Walk;
  tried = 0;

  constructor(remembered: Remembered, property: number) {
    this.#remembered = remembered;
    this.#property = property;
    this.#walk = new Walk(remembered, new Judge(remembered));
  }

  /** The path with all loops left out but for one that its last step may close. */
  withoutLoops(taken: readonly Taken[]): readonly Taken[] {
    // By state: how many steps of the path without loops lead to it.
    const lengths = new Map<string, number>();
    const path: { readonly step: Taken; readonly state: string }[] = [];
    this.#walk.begin();
    const start = this.#walk.state.join();
    lengths.set(start, 0);
    for (const step of taken.slice(0, -1)) {
      this.#walk.take(step.ordinal);
      const state = this.#walk.state.join();
      path.push({ step, state });
      const known = lengths.get(state);
      if (known === undefined) {
        lengths.set(state, path.length);
        continue;
      }
      for (const left of path.splice(known)) if (left.state !== state) lengths.delete(left.state);
    }
    // It may be the last step itself that violates the property, and not where it leads.
    return [...path.map(({ step }) => step), ...taken.slice(-1)];
  }

  /**
   * The path up to where the property is violated; nothing where it is not. Steps that cannot be taken any more,
   * because they were for something that was left out, are left out as well.
   */
  violating(path: readonly Taken[]): readonly Taken[] | undefined {
    const walk = this.#walk;
    let isViolated = walk.begin().some(({ property }) => property === this.#property);
    for (const step of path) {
      if (isViolated) break;
      const ordinal = this.#ordinalOf(step);
      if (ordinal === undefined) continue;
      isViolated = walk.take(ordinal).some(({ property }) => property === this.#property);
      this.tried += 1;
    }
    return isViolated ? [...walk.taken] : undefined;
  }

  /** The step that does the same: the same message on the same way, and the same offer as far as anybody is told. */
  #ordinalOf({ message, offer }: Taken): number | undefined {
    const walk = this.#walk;
    for (let ordinal = 0; ordinal < walk.count; ordinal += 1) {
      const step = walk.stepAt(ordinal);
      if (step.message !== message || step.offer < 0 !== offer < 0) continue;
      if (offer < 0 || step.offer === offer || this.#labelOf(step.offer) === this.#labelOf(offer)) {
        return ordinal;
      }
    }
    return undefined;
  }

  #labelOf(offer: number): string {
    const { labels, tables } = this.#remembered;
    return canonicalText(labels[tables.offerLists.data[offer + 4]!]);
  }

  /** The path for a reader. */
  shown(path: readonly Taken[]): Shortened {
    const walk = this.#walk;
    let wrong = walk.begin();
    const steps: TraceStep[] = [];
    for (const { ordinal } of path) {
      steps.push(walk.textOf(ordinal));
      wrong = walk.take(ordinal);
    }
    const found = wrong.find(({ property }) => property === this.#property);
    if (found === undefined) throw new Error('a walk that is taken again ends otherwise');
    return { verdict: found.verdict, steps };
  }
}
