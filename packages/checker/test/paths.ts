import { canonicalText } from '../src/canonical-text.ts';
import type { Model } from '../src/model.ts';
import { stepOf } from '../src/naive.ts';
import { type NaiveState, naiveChoices, naiveKey, naiveMove, naiveStart } from '../src/naive-steps.ts';
import type { TraceStep } from '../src/result.ts';

/**
 * Whether a model can go these steps: each is a choice of some state that the steps before it lead to, and says what
 * the choice does. Observers' memories are left out, since no choice depends on them.
 */
export function isPath(model: Model, steps: readonly TraceStep[]): boolean {
  let states: readonly NaiveState[] = [naiveStart(model)];
  for (const [at, step] of steps.entries()) {
    const text = canonicalText(step);
    const after = new Map<string, NaiveState>();
    for (const state of states) {
      for (const choice of naiveChoices(model, state)) {
        const move = naiveMove(model, state, choice);
        if (canonicalText(stepOf(model, at + 1, choice, move.sent)) !== text) continue;
        after.set(naiveKey(model, move.after), move.after);
      }
    }
    states = [...after.values()];
  }
  return states.length > 0;
}
