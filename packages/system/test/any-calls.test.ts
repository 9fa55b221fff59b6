import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Choice, choicesOf } from '../src/choices.ts';
import { costOf } from '../src/costs.ts';
import { unwatched, type Watched, watched } from '../src/properties/watch.ts';
import { initialState, step } from '../src/pure-driver.ts';
import { calls, lonelyQemu, offer } from './systems.ts';

const liobn = fc.constantFrom(0x80000000n, 0x80000001n, 0x80000100n);
const ioba = fc
  .tuple(fc.constantFrom(0n, 1n << 59n), fc.nat(0x6000))
  .map(([base, offset]) => base + BigInt(offset));
const tce = fc.nat(0xffff).map(BigInt);
const pageShift = fc.constantFrom(12, 16, 21, 24, 76);
const windowShift = fc.constantFrom(12, 14, 16, 20, 28, 44, 47, 56, 64, 80);

/** Anything a vCPU may ask, and somebody who listens. */
const anyCall: fc.Arbitrary<Choice> = fc.oneof(
  fc.tuple(ioba, tce, liobn).map((args) => calls.put(...args)),
  fc.tuple(ioba, liobn).map((args) => calls.get(...args)),
  fc.tuple(ioba, tce, fc.nat(6).map(BigInt), liobn).map((args) => calls.stuff(...args)),
  fc.tuple(ioba, fc.array(tce, { maxLength: 5 }), liobn).map(([at, tces, table]) =>
    offer({
      ...{ type: 'H_PUT_TCE_INDIRECT', from: 'guest-kernel', to: 'qemu-spapr', thread: 'vcpu0' },
      ...{ liobn: table, ioba: at, tceList: 0x10000n, npages: BigInt(tces.length), tces },
    }),
  ),
  fc.tuple(pageShift, windowShift).map((args) => calls.create(...args)),
  liobn.map((table) => calls.remove(Number(table))),
  fc.constantFrom(calls.listen, calls.reset),
);

/** What the properties say of a guest that makes these calls. */
function watch(preset: string, wanted: readonly Choice[]): readonly Watched[] {
  const participants = lonelyQemu(preset);
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
  for (const choice of [calls.reset, ...wanted]) {
    for (const own of choicesOf(participants, state)) move(own);
    if (choice.kind !== 'offer' || choicesOf(participants, state, [choice]).length > 0) move(choice);
  }
  return known;
}

const violationsOf = (known: readonly Watched[]): readonly string[] =>
  known.flatMap(({ property, violated }) =>
    violated === null ? [] : [`${property.name}: ${violated.text}`],
  );

const sequences = fc.array(anyCall, { minLength: 1, maxLength: 40 });

test('repaired: no calls of any guest violate a property', () => {
  fc.assert(
    fc.property(sequences, (wanted) => {
      expect(violationsOf(watch('repaired', wanted))).toEqual([]);
    }),
    { numRuns: 300, verbose: 1 },
  );
});

test('newest: calls at random find overlapping windows, lost default windows and an abort, and nothing else', () => {
  const found = new Set(
    fc
      .sample(sequences, { numRuns: 400, seed: 59 })
      .flatMap((wanted) => violationsOf(watch('newest', wanted)).map((text) => text.slice(0, 4).trim())),
  );
  expect([...found].map((name) => name.replace(':', '')).sort()).toEqual(['L-1', 'L-6', 'S-13', 'S-21']);
});
