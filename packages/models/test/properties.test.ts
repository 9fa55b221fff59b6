import type { CheckedProperty, Invariant, ObservedMove, Reads, View } from '@spapr-dma/checker';
import {
  costOf,
  type Moved,
  PROPERTIES,
  type SystemState,
  unwatched,
  type Watched,
  watched,
} from '@spapr-dma/system';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BuiltModel } from '../src/index.ts';
import { checkedProperty } from '../src/index.ts';
import { fullMachine, linuxGuest } from './full-machine.ts';
import { inboxOf, type Place, type Way, waysFrom } from './walk.ts';

/** A state of which only that can be read which was declared. */
const viewOf = (state: SystemState, { machines, inboxes = [] }: Reads): View => {
  const declared = (names: readonly string[], name: string): string => {
    if (names.includes(name)) return name;
    throw new RangeError(`${name} was read and not declared`);
  };
  return {
    snapshot: (name) => state.snapshots[declared(machines, name)]!,
    inbox: (name) => inboxOf(state, declared(inboxes, name)),
    environment: () => declared([], 'the environment'),
  };
};

/** What an invariant says of a state, if it is asked at all. */
function judged({ reads, judge }: Invariant, state: SystemState): string | null {
  const { guards = {}, inboxGuards = {} } = reads;
  const silent =
    Object.entries(guards).some(([name, guard]) => !guard(state.snapshots[name]!)) ||
    Object.entries(inboxGuards).some(([name, guard]) => !guard(inboxOf(state, name)));
  return silent ? null : judge(viewOf(state, reads)).violation;
}

/** What an observer is shown of a step. */
function moveOf(before: SystemState, { delivered, sent, state }: Moved, reads: Reads): ObservedMove {
  const { from, to, message } = delivered!;
  const isOwn = message.type === 'step';
  return {
    before: viewOf(before, reads),
    after: viewOf(state, reads),
    machine: to,
    from: isOwn ? 'environment' : from,
    message,
    sent: sent.map((each) => ({ to: each.to === 'environment' ? null : each.to, message: each.message })),
  };
}

/** One property as the checker has it, along a path. */
class Followed {
  readonly #checked: readonly CheckedProperty[];
  #memory: unknown;

  constructor(checked: readonly CheckedProperty[]) {
    this.#checked = checked;
    const [first] = checked;
    this.#memory = first?.kind === 'observer' ? first.initial : null;
  }

  /** What it says of a step, and of the state after it. */
  after(before: SystemState, moved: Moved): string | null {
    for (const property of this.#checked) {
      if (property.kind === 'invariant') {
        const violation = judged(property, moved.state);
        if (violation !== null) return violation;
      }
      if (property.kind === 'observer') {
        const { memory, violation } = property.observe(this.#memory, moveOf(before, moved, property.reads));
        this.#memory = memory;
        return violation;
      }
    }
    return null;
  }
}

const NAMES = PROPERTIES.map(({ name }) => name);

/** Takes ways by number: what is under way goes on first in three of four. */
function nth(ways: readonly Way[], number: number): Way | undefined {
  const own = ways.filter(({ choice }) => choice.kind !== 'offer');
  const some = own.length > 0 && number % 4 > 0 ? own : ways;
  return some[number % some.length];
}

/** Walks, and says of each property where the two disagree, and whether it was violated. */
function walked({ model, participants, start }: BuiltModel, numbers: readonly number[]) {
  let place: Place = { state: start, environment: model.environment!.initial };
  const followed = new Map(
    NAMES.map((name) => [name, new Followed(model.properties.filter((each) => each.name === name))]),
  );
  // What the setup has left in their memories, the checker's begin with.
  let known: readonly Watched[] = unwatched(PROPERTIES).map((each) => {
    const first = model.properties.find(({ name }) => name === each.property.name);
    return first?.kind === 'observer' ? { ...each, memory: first.initial } : each;
  });
  const faults: string[] = [];
  const violated = new Set<string>();
  for (const [n, number] of numbers.entries()) {
    const way = nth(waysFrom(model, participants, place), number);
    if (way === undefined) break;
    const before = place.state;
    const cost = costOf(way.moved);
    const step = { before, moved: way.moved, cost };
    for (const { property, memory } of known) {
      const theirs = property.observe(memory, step).violation;
      const ours = followed.get(property.name)!.after(before, way.moved);
      // A rule of states says again what the property said when something had changed.
      const same =
        ours === theirs || (theirs === null && property.rules !== undefined && violated.has(property.name));
      if (!same) faults.push(`${property.name} at ${n}: '${ours}' instead of '${theirs}'`);
      if (theirs !== null) violated.add(property.name);
    }
    known = watched(known, step, n);
    place = way.next;
  }
  return { faults, violated: [...violated].sort() };
}

test.each(['newest', 'repaired', '2017'])(
  '%s: along any path, the properties say what those of the system say, from what they declare to look at',
  (preset) => {
    const built = fullMachine(preset, NAMES);
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { minLength: 100, maxLength: 400 }), (numbers) => {
        expect(walked(built, numbers).faults).toEqual([]);
      }),
      { numRuns: 6 },
    );
  },
  240_000,
);

test('the same with a Linux guest', () => {
  const built = linuxGuest('newest', NAMES);
  fc.assert(
    fc.property(fc.array(fc.nat(1000), { minLength: 60, maxLength: 200 }), (numbers) => {
      expect(walked(built, numbers).faults).toEqual([]);
    }),
    { numRuns: 10 },
  );
}, 120_000);

test('paths that meet violations of both kinds of properties are among them', () => {
  const violated = new Set<string>();
  for (const seed of [1, 6]) {
    const numbers = Array.from({ length: 400 }, (_, at) => (at * 389 * seed + 17 * (at >> 3)) % 1000);
    const { faults, violated: found } = walked(fullMachine('2017', NAMES), numbers);
    expect(faults).toEqual([]);
    for (const name of found) violated.add(name);
  }
  const withRules = PROPERTIES.filter(({ rules }) => rules !== undefined).map(({ name }) => name);
  const found = [...violated];
  expect(found.filter((name) => withRules.includes(name))).not.toEqual([]);
  expect(found.filter((name) => !withRules.includes(name))).not.toEqual([]);
}, 120_000);

test('whoever reads a machine that was not declared is stopped', () => {
  const built = fullMachine('newest', ['S-17']);
  const property = { ...PROPERTIES.find(({ name }) => name === 'S-21')!, reads: [] };
  const [observer] = checkedProperty(property, built.participants);
  const way = waysFrom(built.model, built.participants, {
    state: built.start,
    environment: built.model.environment!.initial,
  }).find(({ choice }) => choice.kind === 'offer' && choice.to === 'qemu-spapr')!;
  const aborted = {
    ...way.moved,
    sent: [
      {
        from: 'qemu-spapr',
        to: 'environment',
        message: { type: 'qemu-aborted', from: 'qemu-spapr', to: 'environment', assertion: 'x' } as never,
      },
    ],
  };
  if (observer?.kind !== 'observer') throw new Error('S-21 is an observer');
  const move = moveOf(built.start, aborted, { machines: Object.keys(built.start.snapshots) });
  expect(() => observer.observe(null, move)).toThrow(RangeError);
});
