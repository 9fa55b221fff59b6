import { UNFAIR } from './fairness.js';
import { IntList } from './int-list.js';
import type { StateGraph } from './state-graph.js';
import type { StepAt } from './trace-back.js';

/** What a row may be to `#nearest`: nothing, the goal itself, or by one of its steps (from 0). */
const NO_GOAL = -2;
const GOAL = -1;

/** Walks inside of a component of the graph. */
export class FairCycle {
  readonly #graph: StateGraph;
  readonly #isInside: (row: number) => boolean;
  /** By row: the one before it, plus 1. */
  readonly #before: Uint32Array;
  readonly #steps: StepAt[] = [];
  /** Classes that were able to go on in every state so far, and did not. */
  #slighted = new Set<number>();

  constructor(graph: StateGraph, isInside: (row: number) => boolean) {
    this.#graph = graph;
    this.#isInside = isInside;
    this.#before = new Uint32Array(graph.size);
  }

  /**
   * A short path from a row back to itself by states inside, fair as the component is: each class is unable to go on
   * in some state of it, or does so by some step of it.
   */
  from(row: number): readonly StepAt[] {
    this.#slighted = this.#ableIn(row);
    let at = row;
    while (this.#slighted.size > 0) at = this.#go(at, (count) => this.#redress(count));
    if (at !== row || this.#steps.length === 0) {
      this.#go(at, (count) => this.#stepWhere(count, (ordinal) => this.#graph.next(ordinal) === row));
    }
    return this.#steps;
  }

  /** Classes that can go on in a row. */
  #ableIn(row: number): Set<number> {
    const able = new Set<number>();
    const count = this.#graph.expand(row);
    for (let ordinal = 0; ordinal < count; ordinal += 1) able.add(this.#graph.classOf(ordinal));
    able.delete(UNFAIR);
    return able;
  }

  /** Whether a row does a slighted class justice: in it one is unable to go on, or goes on by a step. */
  #redress(count: number): number {
    const able = new Set<number>();
    for (let ordinal = 0; ordinal < count; ordinal += 1) able.add(this.#graph.classOf(ordinal));
    for (const each of this.#slighted) if (!able.has(each)) return GOAL;
    return this.#stepWhere(
      count,
      (ordinal) =>
        this.#slighted.has(this.#graph.classOf(ordinal)) && this.#isInside(this.#graph.next(ordinal)),
    );
  }

  #stepWhere(count: number, isGoal: (ordinal: number) => boolean): number {
    for (let ordinal = 0; ordinal < count; ordinal += 1) if (isGoal(ordinal)) return ordinal;
    return NO_GOAL;
  }

  /** Goes the shortest way to a goal and, where the goal is a step, takes it. Answers where that leads. */
  #go(from: number, goalOf: (count: number) => number): number {
    const { row, ordinal, rows } = this.#nearest(from, goalOf);
    for (const step of this.#graph.stepsAlong(rows)) this.#take(step);
    return ordinal === GOAL ? row : this.#take({ row, ordinal });
  }

  #take(step: StepAt): number {
    this.#graph.expand(step.row);
    this.#slighted.delete(this.#graph.classOf(step.ordinal));
    const next = this.#graph.next(step.ordinal);
    const able = this.#ableIn(next);
    for (const each of this.#slighted) if (!able.has(each)) this.#slighted.delete(each);
    this.#steps.push(step);
    return next;
  }

  #nearest(
    from: number,
    goalOf: (count: number) => number,
  ): { readonly row: number; readonly ordinal: number; readonly rows: readonly number[] } {
    const before = this.#before;
    const queue = new IntList();
    before[from] = from + 1;
    queue.push(from);
    for (let head = 0; head < queue.length; head += 1) {
      const row = queue.at(head) >>> 0;
      const count = this.#graph.expand(row);
      const ordinal = goalOf(count);
      if (ordinal !== NO_GOAL) {
        const rows = [row];
        for (let at = row; at !== from; rows.push(at)) at = before[at]! - 1;
        for (let at = 0; at < queue.length; at += 1) before[queue.at(at) >>> 0] = 0;
        return { row, ordinal, rows: rows.reverse() };
      }
      for (let each = 0; each < count; each += 1) {
        const next = this.#graph.next(each);
        if (before[next] !== 0 || !this.#isInside(next)) continue;
        before[next] = row + 1;
        queue.push(next);
      }
    }
    throw new Error('a component is not as fair as it was found to be');
  }
}
