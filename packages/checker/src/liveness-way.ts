import { IntList } from './int-list.js';
import type { StateGraph } from './state-graph.js';
import type { StepAt } from './trace-back.js';

/** A path that breaks a leads-to: to where what is waited for does not come any more. */
export interface Way {
  readonly steps: readonly StepAt[];
  /** Steps to the state from which it is waited for. */
  readonly asked: number;
  readonly end: number;
}

/** What `way` has to know of a row. */
export interface WayRows {
  readonly isAsking: (row: number) => boolean;
  /** Whether what is waited for has not come. */
  readonly isWaiting: (row: number) => boolean;
  readonly isEnd: (row: number) => boolean;
}

/**
 * The shortest path from the start to a state that asks, and from there by states that wait to an end. It need not be
 * the shortest path to that end, so the tree that the search has left is of no use here.
 */
export function shortestWay(graph: StateGraph, { isAsking, isWaiting, isEnd }: WayRows): Way {
  // For each row the one before it, plus 1: before it was asked for, and while it is waited for. A row at which the
  // waiting begins comes after itself.
  const before = new Uint32Array(graph.size);
  const waiting = new Uint32Array(graph.size);
  let calm = new IntList();
  let tense = new IntList();
  const begin = (row: number, after: number, list: IntList): void => {
    before[row] = after + 1;
    list.push(row);
  };
  const wait = (row: number, after: number, list: IntList): number | undefined => {
    if (waiting[row] !== 0 || !isWaiting(row)) return undefined;
    waiting[row] = after + 1;
    list.push(row);
    return isEnd(row) ? row : undefined;
  };
  const wayTo = (end: number): Way => {
    const rows = [end];
    let at = end;
    for (; waiting[at]! - 1 !== at; rows.push(at)) at = waiting[at]! - 1;
    const waits = rows.length - 1;
    for (; before[at]! - 1 !== at; rows.push(at)) at = before[at]! - 1;
    const steps = graph.stepsAlong(rows.reverse());
    return { steps, asked: steps.length - waits, end };
  };

  begin(0, 0, calm);
  while (calm.length + tense.length > 0) {
    // Whoever asks here waits here, at the same distance.
    for (let at = 0; at < calm.length; at += 1) {
      const row = calm.at(at) >>> 0;
      const end = isAsking(row) ? wait(row, row, tense) : undefined;
      if (end !== undefined) return wayTo(end);
    }
    const [calmNext, tenseNext] = [new IntList(), new IntList()];
    for (let at = 0; at < tense.length; at += 1) {
      const row = tense.at(at) >>> 0;
      const count = graph.expand(row);
      for (let ordinal = 0; ordinal < count; ordinal += 1) {
        const end = wait(graph.next(ordinal), row, tenseNext);
        if (end !== undefined) return wayTo(end);
      }
    }
    for (let at = 0; at < calm.length; at += 1) {
      const row = calm.at(at) >>> 0;
      const count = graph.expand(row);
      for (let ordinal = 0; ordinal < count; ordinal += 1) {
        const next = graph.next(ordinal);
        if (before[next] === 0) begin(next, row, calmNext);
      }
    }
    [calm, tense] = [calmNext, tenseNext];
  }
  throw new Error('no way leads to what was found');
}
