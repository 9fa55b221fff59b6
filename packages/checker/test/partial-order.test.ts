import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AnyStateMachine, setup } from 'xstate';
import { breadthFirst } from '../src/breadth-first.ts';
import type { Model } from '../src/model.ts';
import { partialOrderFaults } from '../src/partial-order-check.ts';
import type { CheckedProperty, View } from '../src/property.ts';
import type { SearchResult } from '../src/result.ts';
import { counterCounts, counters } from './classics/index.ts';
import { modelFrom, type RandomModel, randomModel, randomName } from './random-models.ts';
import { replayed, wrongAt } from './replayed.ts';

/** What a search says, but for how long it took. */
const said = ({ verdict, violations, unreached, bound }: SearchResult) => ({
  verdict,
  violated: violations.map(({ property }) => property).sort(),
  unreached,
  bound,
});
const both = (model: Model): readonly [SearchResult, SearchResult] => [
  breadthFirst(model, { until: 'all', partialOrder: true }),
  breadthFirst(model, { until: 'all', partialOrder: false }),
];

const never = (
  name: string,
  machines: readonly string[],
  isWrong: (view: View) => boolean,
): CheckedProperty => ({
  kind: 'invariant',
  name,
  title: 'It never comes to that',
  reads: { machines },
  sometimes: null,
  judge: (view) => ({ violation: isWrong(view) ? 'it has come to that' : null, reached: false }),
});

/** Goes from a to b once, by itself. */
const once: AnyStateMachine = setup({}).createMachine({
  initial: 'a',
  states: { a: { on: { go: 'b' } }, b: {} },
});
/** Goes from a to b and back, by itself. */
const forth: AnyStateMachine = setup({}).createMachine({
  initial: 'a',
  states: { a: { on: { go: 'b' } }, b: { on: { go: 'a' } } },
});
const goes = () => [{ type: 'go' }];
const isAt = (view: View, name: string, value: string): boolean => view.snapshot(name).value === value;

describe('steps that have nothing to do with each other are taken in one order', () => {
  test.each`
    count | max
    ${2}  | ${3}
    ${4}  | ${5}
    ${5}  | ${6}
  `('$count counters to $max: a line instead of a cube', ({ count, max }) => {
    const [reduced, plain] = both(counters(count, max));
    expect(plain).toMatchObject(counterCounts(count, max));
    expect(said(reduced)).toEqual(said(plain));
    expect(reduced).toMatchObject({ states: count * max + 1, transitions: count * max });
  });
});

describe('what must not be left out', () => {
  test('an order that a property can tell: one machine has moved and the other has not', () => {
    const model: Model = {
      name: 'seen',
      machines: ['one', 'other'].map((name) => ({ name, machine: once, ownMoves: goes })),
      route: () => null,
      properties: [
        never('one-first', ['one', 'other'], (view) => isAt(view, 'one', 'b') && isAt(view, 'other', 'a')),
        never('other-first', ['one', 'other'], (view) => isAt(view, 'one', 'a') && isAt(view, 'other', 'b')),
      ],
    };
    const [reduced, plain] = both(model);
    expect(said(reduced)).toEqual(said(plain));
    expect(said(reduced).violated).toEqual(['one-first', 'other-first']);
  });

  test('a step that can be put off for ever, since another machine goes round in a circle', () => {
    const model: Model = {
      name: 'put off',
      machines: [
        { name: 'circle', machine: forth, ownMoves: goes },
        { name: 'one', machine: once, ownMoves: goes },
      ],
      route: () => null,
      properties: [never('moves', ['one'], (view) => isAt(view, 'one', 'b'))],
    };
    const [reduced, plain] = both(model);
    expect(said(reduced)).toEqual(said(plain));
    expect(said(reduced).violated).toEqual(['moves']);
  });
});

const at = (view: View, machine: number): number => view.snapshot(randomName(machine)).context.at;

/** Properties of each kind, of two machines and places. */
const propertiesOf = ({ watched: [one, place], watchedToo: [other, otherPlace] }: RandomModel) => {
  const [name, otherName] = [randomName(one), randomName(other)];
  const isThere = (view: View): boolean => at(view, one) === place && at(view, other) === otherPlace;
  const properties: readonly CheckedProperty[] = [
    never('never-both', [name, otherName], isThere),
    {
      kind: 'invariant',
      name: 'guarded',
      title: 'Nothing is on its way to the other one while the one is there',
      reads: {
        machines: [],
        inboxes: [otherName],
        guards: { [name]: ({ context }) => context.at === place },
        inboxGuards: { [otherName]: (inbox) => inbox.length === 0 },
      },
      sometimes: 'that is so',
      judge: (view) => ({
        violation: view.inbox(otherName).length > 0 ? 'something is on its way' : null,
        reached: true,
      }),
    },
    {
      kind: 'invariant',
      name: 'not-three',
      title: 'No three messages are on their way to the other one',
      reads: { machines: [], inboxes: [otherName] },
      sometimes: 'two are on their way',
      judge: (view) => {
        const { length } = view.inbox(otherName);
        return { violation: length > 2 ? `${length}` : null, reached: length === 2 };
      },
    },
    {
      kind: 'observer',
      name: 'in-turn',
      title: 'The one does not take a twice running, and nothing while the other one is there',
      reads: { machines: [otherName] },
      sometimes: 'it takes a',
      initial: '',
      remembers: true,
      watches: (machine) => machine === name,
      observe: (memory, { machine, message, before }) => {
        if (machine !== name) return { memory, violation: null, reached: false };
        const isTwice = memory === 'a' && message.type === 'a';
        const isWrong = isTwice || at(before, other) === otherPlace;
        const violation = isWrong ? `${memory} then ${message.type}` : null;
        return { memory: message.type, violation, reached: message.type === 'a' };
      },
    },
    {
      kind: 'observer',
      name: 'no-b',
      title: 'The one does not get to its place by b',
      reads: { machines: [], guards: { [name]: ({ context }) => context.at === place } },
      sometimes: 'it gets there',
      initial: null,
      remembers: false,
      observe: (memory, { machine, message }) => ({
        memory,
        violation: machine === name && message.type === 'b' ? 'by b' : null,
        reached: machine === name,
      }),
    },
    {
      kind: 'sometimes',
      name: 'both',
      title: 'Both are there',
      reads: { machines: [name, otherName] },
      holds: isThere,
    },
    {
      kind: 'deadlock',
      name: 'not-there',
      title: 'The one does not end up there',
      reads: { machines: [name] },
      waits: (view) => (at(view, one) === place ? 'it is there' : null),
    },
  ];
  return properties;
};

describe('random models', () => {
  test.each(
    propertiesOf({ rules: [], fuel: 1, offers: [], watched: [0, 0], watchedToo: [1, 0] }).map(
      ({ name }, which) => [name, which] as const,
    ),
  )('%s: the same verdict whatever is left out', (_, which) => {
    let [states, plainStates] = [0, 0];
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 4 }).chain((machines) => randomModel({ machines })),
        (random) => {
          const model = modelFrom(random, [propertiesOf(random)[which]!]);
          expect(partialOrderFaults(model)).toEqual([]);
          const [reduced, plain] = both(model);
          expect(said(reduced)).toEqual(said(plain));
          for (const { trace, text } of reduced.violations) {
            const end = replayed(model, trace);
            if (model.properties[0]!.kind !== 'observer') expect(wrongAt(model, end)).toContain(text);
          }
          states += reduced.states;
          plainStates += plain.states;
        },
      ),
      { numRuns: Number(process.env.RUNS ?? 60) },
    );
    expect(states).toBeLessThan(plainStates);
  });
});
