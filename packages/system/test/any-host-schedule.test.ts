import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Choice, choicesOf } from '../src/choices.ts';
import { costOf } from '../src/costs.ts';
import { settingsOf } from '../src/presets.ts';
import { unwatched, watched, watchedAtRest } from '../src/properties/watch.ts';
import { initialState, step } from '../src/pure-driver.ts';
import { participantsOf } from '../src/story/setup.ts';
import { machine, nth, offersIn } from './any-host.ts';

/** Plays choices by number, lets everyone come to rest, ends QEMU, and says what was violated and what was reached. */
function watch(preset: string, numbers: readonly number[]) {
  const participants = participantsOf(machine, settingsOf(preset), 'minimal');
  let state = initialState(participants);
  let known = unwatched();
  let n = 0;
  const move = (choice: Choice): void => {
    const before = state;
    const moved = step(participants, state, choice);
    state = moved.state;
    n += 1;
    known = watched(known, { before, moved, cost: costOf(moved) }, n);
  };
  const rest = (): void => {
    for (
      let [own] = choicesOf(participants, state);
      own !== undefined;
      [own] = choicesOf(participants, state)
    ) {
      move(own);
    }
  };
  rest();
  move(offersIn(state, false).map((offer): Choice => ({ kind: 'offer', ...offer }))[0]!);
  rest();
  for (const number of numbers) {
    const choice = nth(participants, state, number);
    if (choice !== undefined) move(choice);
  }
  for (;;) {
    const [choice] = choicesOf(participants, state, offersIn(state, true));
    if (choice === undefined) return watchedAtRest(known, state, n);
    move(choice);
  }
}

test('repaired: two vCPUs, devices that come and go, and the end of QEMU violate nothing, whatever the order', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1000), { minLength: 200, maxLength: 600 }), (numbers) => {
      const violated = watch('repaired', numbers).flatMap(({ property, violated: how }) =>
        how === null ? [] : [`${property.name} at ${how.step}: ${how.text}`],
      );
      expect(violated).toEqual([]);
    }),
    { numRuns: 12, endOnFailure: true },
  );
}, 120_000);

test('such runs meet what the properties are about', () => {
  const numbers = Array.from({ length: 600 }, (_, at) => (at * 389 + 17 * (at >> 3)) % 1000);
  const reached = watch('repaired', numbers).flatMap(({ property, reached: met }) =>
    met ? [property.name] : [],
  );
  expect(reached).toEqual(expect.arrayContaining(['S-1', 'S-5', 'S-6', 'S-11', 'L-5', 'L-7']));
});
