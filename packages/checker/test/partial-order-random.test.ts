import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { partialOrderFaults } from '../src/partial-order-check.ts';
import type { CheckedProperty, View } from '../src/property.ts';
import { both, never, said } from './partial-order-both.ts';
import { modelFrom, type RandomModel, randomModel, randomName } from './random-models.ts';
import { replayed, wrongAt } from './replayed.ts';

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
      { numRuns: 60 },
    );
    expect(states).toBeLessThan(plainStates);
  });
});
