import { ENVIRONMENT } from './model.js';
import type { Remembered } from './remembered.js';
import type { TraceStep } from './result.js';
import type { StateStore } from './state-store.js';
import type { Successors } from './successors.js';

/** A step as `Successors` has it: from a row, and which of its steps. */
export interface StepAt {
  readonly row: number;
  readonly ordinal: number;
}

/** What a step was, for a reader. */
export function stepText(
  remembered: Remembered,
  successors: Successors,
  ordinal: number,
  n: number,
): TraceStep {
  const { tables, messages, labels } = remembered;
  const transition = successors.transitions[ordinal]!;
  const offer = successors.offers[ordinal]!;
  const machine = remembered.nameOf(tables.transitionMachine.at(transition));
  const { from, lane, message } = messages.at(tables.transitionMessage.at(transition));
  const sender = remembered.nameOf(from);
  const isOwn = offer < 0 && sender === ENVIRONMENT;
  return {
    n,
    from: isOwn ? machine : sender,
    to: machine,
    lane: sender === ENVIRONMENT ? null : lane,
    message,
    offer: offer < 0 ? null : labels[tables.offerLists.data[offer + 4]!],
    sent: remembered.sent[transition]!,
  };
}

/** The rows from the start to a row. */
export function pathTo(store: StateStore, row: number): readonly number[] {
  const path = [row];
  for (let at = row; at !== 0; ) {
    at = store.parentOf(at);
    path.push(at);
  }
  return path.reverse();
}

/**
 * The steps from the start to a row, and then one more: each row's successors are worked out again, and the one
 * that led on is found among them. With `canonical`, rows are compared in the form in which they are stored.
 */
export function stepsTo(
  remembered: Remembered,
  store: StateStore,
  successors: Successors,
  row: number,
  last: number | null,
): readonly TraceStep[] {
  const path = pathTo(store, row);
  const buffer = new Int32Array(store.width);
  const steps = path.slice(0, -1).map((at, n) => {
    store.read(at, buffer);
    const count = successors.expand(buffer);
    for (let ordinal = 0; ordinal < count; ordinal += 1) {
      if (store.find(successors.rows, ordinal * store.width) === path[n + 1]) {
        return stepText(remembered, successors, ordinal, n + 1);
      }
    }
    throw new Error(`row ${path[n + 1]} does not follow row ${at}`);
  });
  if (last === null) return steps;
  store.read(row, buffer);
  successors.expand(buffer);
  return [...steps, stepText(remembered, successors, last, path.length)];
}
