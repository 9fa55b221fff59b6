import { answerHear, answerOffers } from './answers-environment.js';
import { answerMoves, answerTransition } from './answers-moves.js';
import { answerGuard, answerJudge, answerObserve, answerRest } from './answers-properties.js';
import { type Memory, OWN_MEMORY } from './memory.js';
import type { Model } from './model.js';
import { Remembered } from './remembered.js';
import { answerPermute } from './symmetry-answers.js';
import { ASK, type Ask } from './tables.js';

type Answer = (remembered: Remembered, key: readonly number[]) => number;

const ANSWERS: Readonly<Record<Ask, Answer>> = {
  [ASK.transition]: answerTransition,
  [ASK.moves]: answerMoves,
  [ASK.push]: ({ tables, inboxes }, [inbox, message]) => {
    const next = inboxes.pushed(inbox!, message!);
    tables.pushes.add([inbox!, message!], next);
    return next;
  },
  [ASK.hear]: answerHear,
  [ASK.offers]: answerOffers,
  [ASK.guard]: answerGuard,
  [ASK.judge]: answerJudge,
  [ASK.observe]: answerObserve,
  [ASK.rest]: answerRest,
  [ASK.permute]: answerPermute,
};

/**
 * A model with its questions answered as they come: xstate is asked for each transition once, the environment for
 * each offer, a property for each verdict. The same questions in the same order get the same numbers, so the
 * journal is all that it takes to make the tables again.
 * @throws RangeError for a model that names what it does not have
 */
export function remember(model: Model, memory: Memory = OWN_MEMORY): Remembered {
  const remembered = new Remembered(model, memory);
  const { tables, journal } = remembered;
  let depth = 0;
  tables.answeredBy((ask, ...key) => {
    // What is asked for the sake of another question is asked again with it.
    if (depth === 0) {
      journal.push(ask);
      journal.push(key.length);
      for (const each of key) journal.push(each);
    }
    depth += 1;
    try {
      return ANSWERS[ask](remembered, key);
    } finally {
      depth -= 1;
    }
  });
  return remembered;
}

/** Asks the questions of a journal, so that the tables are what they were when it was written. */
export function replayJournal({ tables }: Remembered, journal: Int32Array): void {
  for (let at = 0; at < journal.length; ) {
    const first = at + 2;
    const end = first + journal[at + 1]!;
    tables.ask(journal[at]! as Ask, ...journal.subarray(first, end));
    at = end;
  }
}
