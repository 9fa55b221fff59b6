import fc from 'fast-check';
import { expect, test } from 'vitest';
import { choicesOf } from '../src/choices.ts';
import { costOf } from '../src/costs.ts';
import { settingsOf } from '../src/presets.ts';
import { unwatched, watched, watchedAtRest } from '../src/properties/watch.ts';
import { initialState, step } from '../src/pure-driver.ts';
import { participantsOf } from '../src/story/setup.ts';
import { machine, nth } from './any-environment.ts';

/** Plays choices by number, lets everyone come to rest, and says what was violated and what was reached. */
function watch(preset: string, numbers: readonly number[]) {
  const participants = participantsOf(machine, settingsOf(preset), 'minimal');
  let state = initialState(participants);
  let known = unwatched();
  let n = 0;
  const move = (choice: Parameters<typeof step>[2]): void => {
    const before = state;
    const moved = step(participants, state, choice);
    state = moved.state;
    n += 1;
    known = watched(known, { before, moved, cost: costOf(moved) }, n);
  };
  for (const number of numbers) {
    const choice = nth(participants, state, number);
    if (choice !== undefined) move(choice);
  }
  // A paused QEMU answers nobody: what waits then waits for `cont`.
  const isPaused = () => state.snapshots['qemu-spapr']?.value === 'paused';
  for (
    let [choice] = choicesOf(participants, state);
    choice !== undefined;
    [choice] = choicesOf(participants, state)
  ) {
    move(choice);
  }
  return isPaused() ? known : watchedAtRest(known, state, n);
}

/** What the defects of a preset let even a Linux guest run into, in so small a machine. */
const knownOf = (preset: string): readonly string[] => (preset === 'repaired' ? [] : ['S-13', 'L-6']);

test.each(['newest', 'repaired', '2017'])(
  '%s: a Linux guest with two vCPUs violates nothing but what is a known defect there, whatever the order of things',
  (preset) => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { minLength: 30, maxLength: 120 }), (numbers) => {
        const violated = watch(preset, numbers).flatMap(({ property, violated: how }) =>
          how === null || knownOf(preset).includes(property.name) ? [] : [`${property.name}: ${how.text}`],
        );
        expect(violated).toEqual([]);
      }),
      { numRuns: 60, verbose: 1 },
    );
  },
);
