import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { remember } from '../src/answers.ts';
import { BreadthFirst, breadthFirst } from '../src/breadth-first.ts';
import { publicStep } from '../src/machines.ts';
import type { Model, Transition } from '../src/model.ts';
import type { ObservedMove } from '../src/property.ts';
import { anyModel, modelOf } from './any-model.ts';
import { CLASSICS, counters, lockServer, twoPhaseCommit } from './classics/index.ts';
import { type Compared, compared } from './remembered-faults.ts';

/** All that a whole search remembers, held against xstate. */
function searched(model: Model, depthMax = 100): Compared {
  const remembered = remember(model);
  new BreadthFirst(remembered, { until: 'all', depthMax }).run();
  return compared(remembered);
}

test.each(CLASSICS.map((model) => [model.name, model] as const))(
  '%s: what is remembered is what transition() answers',
  (_, model) => {
    const { compared, faults } = searched(model);
    expect(faults).toEqual([]);
    expect(compared).toBeGreaterThan(0);
  },
);

test('what is remembered of any model is what transition() answers', () => {
  fc.assert(
    fc.property(anyModel, (parts) => {
      expect(searched(modelOf(parts), 4).faults).toEqual([]);
    }),
  );
}, 120_000);

test('a transition is remembered once for each local state and message, however many global states have them', () => {
  // Nine states of a counter take a tick, the tenth does not.
  expect(searched(counters(3, 9)).compared).toBe(3 * 10);
});

test('a property may look at any number of machines, and at what is on its way to them', () => {
  const model = counters(200, 1);
  const names = model.machines.map(({ name }) => name);
  const seen = new Set<string>();
  const all = {
    kind: 'observer',
    name: 'all',
    title: 'Nothing is on its way',
    reads: { machines: names, inboxes: names },
    sometimes: null,
    initial: null,
    remembers: false,
    observe: (memory: null, { after }: ObservedMove) => {
      seen.add(
        names.map((name) => `${after.snapshot(name).context.count}${after.inbox(name).length}`).join(),
      );
      return { memory, violation: null, reached: false };
    },
  } as const;
  const { bound, states } = breadthFirst({ ...model, properties: [all] }, { depthMax: 1 });
  expect({ bound, states }).toEqual({ bound: 'depth', states: 201 });
  expect(seen.size).toBe(200);
});

/** The same model with a machine that is asked in another way. */
const answering = (model: Model, change: (answer: Transition) => Transition): Model => ({
  ...model,
  machines: model.machines.map((machine) => ({
    ...machine,
    step: (snapshot, message) => change(publicStep(machine, snapshot, message)),
  })),
});

test('a faster way of asking a machine is found out where it answers otherwise', () => {
  expect(searched(answering(lockServer(2), (answer) => answer)).faults).toEqual([]);
  const mute = answering(lockServer(2), ({ snapshot }) => ({ snapshot, sent: [] }));
  expect(searched(mute).faults.join()).toContain('what it sends');
  const loud = answering(twoPhaseCommit(2), ({ snapshot, sent }) => ({
    snapshot,
    sent: [...sent].reverse(),
  }));
  expect(searched(loud).faults.join()).toContain('where that goes');
  const model = counters(1, 3);
  const stuck = answering(model, ({ snapshot, sent }) => ({
    snapshot: { ...snapshot, context: { count: 1, max: 3 } } as typeof snapshot,
    sent,
  }));
  expect(searched(stuck).faults.join()).toContain('"count":1,"max":3},"value":{}} is not');
});
