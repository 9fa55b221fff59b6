import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import { breadthFirst } from '../src/breadth-first.ts';
import type { Message, Model } from '../src/model.ts';
import type { CheckedProperty, Observer } from '../src/property.ts';
import { interchangeable, type Permutation, renaming, together } from '../src/symmetry.ts';
import { startKept, symmetryFaults } from '../src/symmetry-check.ts';
import {
  counterCounts,
  counters,
  deadlockSteps,
  EARLY_COMMIT_STEPS,
  lockServer,
  lockServerCounts,
  lockServerOrbits,
  mutualExclusion,
  philosopherStates,
  philosophers,
  TURN_FIRST_STEPS,
  twoPhaseCommit,
  twoPhaseCommitCounts,
  twoPhaseSet,
  twoPhaseSetCounts,
} from './classics/index.ts';
import { modelFrom, randomModel, randomName } from './random-models.ts';
import { replayed, wrongAt } from './replayed.ts';

const compared = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
const names = (stem: string, count: number, from = 0): readonly string[] =>
  Array.from({ length: count }, (_, at) => `${stem}${at + from}`);
const safety = (model: Model): Model => ({
  ...model,
  properties: model.properties.filter(({ kind }) => kind !== 'leads-to'),
});

const ofManagers = (model: Model, count: number): Model => ({
  ...model,
  symmetry: interchangeable(names('rm', count, 1), {
    sorted: { 'tm.prepared': compared, environment: compared },
  }),
});
const ofClients = (count: number): Model => ({
  ...safety(lockServer(count)),
  symmetry: interchangeable(names('client', count)),
});
/** The same, with a lane for each client. */
const ofLanes = (count: number): Model => {
  const model = ofClients(count);
  const lane = (message: Message): string => {
    const { from, to } = message as Message & { readonly from?: string; readonly to?: string };
    return from ?? to ?? '';
  };
  return {
    ...model,
    name: `${model.name}, each with a lane`,
    route: (message, sender) => ({ ...model.route(message, sender)!, lane: lane(message) }),
  };
};
/** The first counter is what the property looks at, so it has to stay where it is. */
const ofCounters = (count: number, max: number): Model => ({
  ...counters(count, max),
  symmetry: interchangeable(names('counter', count - 1, 1)),
});
/** The table is turned. What is said of one philosopher is no longer true of its image, so it is left out. */
const ofTable = (count: number): Model => {
  const model = philosophers(count);
  const turns = Array.from({ length: count - 1 }, (_, by) =>
    renaming(
      new Map(
        ['philosopher', 'fork'].flatMap((stem) =>
          names(stem, count).map((name, at) => [name, `${stem}${(at + by + 1) % count}`] as const),
        ),
      ),
    ),
  );
  return {
    ...model,
    properties: model.properties.filter(({ kind }) => kind === 'deadlock'),
    symmetry: turns,
  };
};

/** The processes are told by number, and the flags of a memory by their places. */
const PROCESS_HINTS = {
  places: ['message.by', 'message.to', 'message.value', 'memory.turn'],
  indexed: ['memory.flags'],
};
const ofProcesses = (lock: Parameters<typeof mutualExclusion>[0], hints = PROCESS_HINTS): Model => ({
  ...safety(mutualExclusion(lock)),
  symmetry: interchangeable(['process0', 'process1'], hints),
});

const choose = (n: number, k: number): number => (k === 0 ? 1 : (choose(n, k - 1) * (n - k + 1)) / k);
/** Ways to put n equal things into k places. */
const multisets = (n: number, k: number): number => choose(n + k - 1, n);

describe('states that are images of each other are one', () => {
  test.each`
    model                               | states                            | orbits
    ${ofManagers(twoPhaseSet(3), 3)}    | ${twoPhaseSetCounts(3).states}    | ${multisets(3, 4) + multisets(3, 6) + multisets(3, 2)}
    ${ofManagers(twoPhaseSet(4), 4)}    | ${twoPhaseSetCounts(4).states}    | ${multisets(4, 4) + multisets(4, 6) + multisets(4, 2)}
    ${ofManagers(twoPhaseCommit(4), 4)} | ${twoPhaseCommitCounts(4).states} | ${multisets(4, 4) + multisets(4, 7) + multisets(4, 2)}
    ${ofClients(2)}                     | ${lockServerCounts(2).states}     | ${lockServerOrbits(2)}
    ${ofClients(5)}                     | ${lockServerCounts(5).states}     | ${lockServerOrbits(5)}
    ${ofLanes(3)}                       | ${lockServerCounts(3).states}     | ${lockServerOrbits(3)}
    ${ofCounters(4, 5)}                 | ${counterCounts(4, 5).states}     | ${6 * multisets(3, 6)}
    ${ofTable(3)}                       | ${philosopherStates(3)}           | ${(philosopherStates(3) + 2 * philosopherStates(1)) / 3}
  `('$model.name: $orbits of $states', ({ model, states, orbits }) => {
    const [with_, without] = [true, false].map((symmetry) => breadthFirst(model, { symmetry, until: 'all' }));
    expect(without).toMatchObject({ states });
    expect(with_).toMatchObject({ states: orbits, verdict: without!.verdict, unreached: without!.unreached });
    expect(with_!.violations.map(({ property }) => property)).toEqual(
      without!.violations.map(({ property }) => property),
    );
    expect(symmetryFaults(model)).toEqual([]);
  });
});

describe('a counterexample is a path of the model itself, as short as without symmetry', () => {
  test.each`
    model                                                  | steps
    ${ofManagers(twoPhaseCommit(3, { isEarly: true }), 3)} | ${EARLY_COMMIT_STEPS}
    ${ofTable(4)}                                          | ${deadlockSteps(4)}
    ${ofProcesses('turn-first')}                           | ${TURN_FIRST_STEPS}
  `('$model.name: $steps steps', ({ model, steps }) => {
    const { violations } = breadthFirst(model);
    expect(violations).toHaveLength(1);
    const { trace, text } = violations[0]!;
    expect(trace.steps).toHaveLength(steps);
    expect(wrongAt(model, replayed(model, trace))).toEqual([text]);
  });
});

test('a path begins where the model begins, though that is stored as its image', () => {
  const machine = setup({}).createMachine({ initial: 'a', states: { a: { on: { x: 'b' } }, b: {} } });
  const names = ['left', 'right'];
  const model: Model = {
    name: 'one of two is told',
    machines: names.map((name) => ({ name, machine })),
    route: () => null,
    inFlight: [{ from: 'right', to: 'left', lane: '', message: { type: 'x' } }],
    properties: [
      {
        kind: 'invariant',
        name: 'not-told',
        title: 'Nobody is told',
        reads: { machines: names },
        sometimes: null,
        judge: (view) => {
          const told = names.find((name) => view.snapshot(name).value === 'b');
          return { violation: told === undefined ? null : `${told} is told`, reached: false };
        },
      },
    ],
    symmetry: interchangeable(names),
  };
  expect(symmetryFaults(model)).toEqual([]);
  expect(startKept(model)).toEqual([]);
  const { text, trace } = breadthFirst(model).violations[0]!;
  expect(text).toBe('left is told');
  expect(trace.steps.map(({ from, to }) => [from, to])).toEqual([['right', 'left']]);
});

/** Remembers who was let in last, and objects to whoever is let in twice running. */
const takesTurns: Observer<string | null> = {
  kind: 'observer',
  name: 'takes-turns',
  title: 'Nobody is let in twice running',
  reads: { machines: [] },
  sometimes: 'somebody is let in',
  initial: null,
  remembers: true,
  observe: (last, { machine, message }) => {
    if (message.type !== 'granted') return { memory: last, violation: null, reached: false };
    const violation = last === machine ? `${machine} again` : null;
    return { memory: machine, violation, reached: true };
  },
};

describe('what an observer remembers is exchanged as well', () => {
  const model: Model = { ...ofClients(3), properties: [takesTurns] };

  test('a client that is let in twice is found, and the path to it is one of the model', () => {
    expect(symmetryFaults(model)).toEqual([]);
    const [found, plain] = [true, false].map((symmetry) => breadthFirst(model, { symmetry }));
    expect(found!.states).toBeLessThan(plain!.states);
    const { text, trace } = found!.violations[0]!;
    expect(trace.steps).toHaveLength(plain!.violations[0]!.trace.steps.length);
    replayed(model, trace);
    const granted = trace.steps.filter(({ message }) => message.type === 'granted').map(({ to }) => to);
    expect(text).toBe(`${granted.at(-1)} again`);
    expect(granted.at(-1)).toBe(granted.at(-2));
  });

  test('a permutation that forgets it is told from one that does not', () => {
    const symmetry = model.symmetry!.map(({ memory: _, ...rest }): Permutation => rest);
    expect(symmetryFaults({ ...model, symmetry })).toHaveLength(5);
  });
});

describe('a permutation that changes more than names', () => {
  test.each`
    what                                       | model
    ${'a property that speaks of one machine'} | ${{ ...counters(2, 2), symmetry: interchangeable(['counter0', 'counter1']) }}
    ${'machines that do not do the same'}      | ${{ ...philosophers(2, { isAsymmetric: true }), symmetry: interchangeable(['philosopher0', 'philosopher1']) }}
    ${'a number that stands for a name'}       | ${ofProcesses('peterson', { ...PROCESS_HINTS, places: ['message.by', 'message.to'] })}
    ${'an array in the order of the names'}    | ${ofProcesses('peterson', { ...PROCESS_HINTS, indexed: [] })}
  `('is told from one that does not: $what', ({ model }) => {
    expect(symmetryFaults(model)).toHaveLength(1);
  });

  test('never shows a path that is none', () => {
    const model = ofProcesses('turn-first', { ...PROCESS_HINTS, indexed: [], places: [] });
    expect(() => breadthFirst(model)).toThrow(RangeError);
  });
});

test('permutations of two kinds go together in every combination', () => {
  const kinds = [interchangeable(['a', 'b']), interchangeable(['x', 'y', 'z'])];
  const images = together(...kinds).map(({ machine }) => ['a', 'x', 'y', 'z'].map(machine!).join());
  expect(new Set(images).size).toBe(2 * 6 - 1);
});

describe('a leads-to is about loops, of which images say nothing', () => {
  const model: Model = { ...ofClients(2), properties: lockServer(2).properties };

  test('it is searched without symmetry', () => {
    expect(breadthFirst(model, { until: 'all' }).states).toBe(lockServerCounts(2).states);
  });

  test('symmetry that is asked for is refused', () => {
    expect(() => breadthFirst(model, { symmetry: true })).toThrow(
      new RangeError('symmetry says nothing of served-client0: a loop of images need not be one'),
    );
  });
});

test('random machines that are equal: the same verdicts, as near, on paths of the model', () => {
  let [smaller, smallest] = [0, 0];
  fc.assert(
    fc.property(randomModel({ areEqual: true }), (random) => {
      const names = random.rules.map((_, at) => randomName(at));
      const [, place] = random.watched;
      const count = (view: Parameters<Extract<CheckedProperty, { kind: 'sometimes' }>['holds']>[0]): number =>
        names.filter((name) => view.snapshot(name).context.at === place).length;
      const model: Model = {
        ...modelFrom(random, [
          {
            kind: 'invariant',
            name: 'not-two',
            title: 'No two are at the place',
            reads: { machines: names, inboxes: names },
            sometimes: null,
            judge: (view) => ({
              violation:
                count(view) === 2 && names.every((name) => view.inbox(name).length === 0) ? 'two' : null,
              reached: false,
            }),
          },
          {
            kind: 'invariant',
            name: 'crowded',
            title: 'Nobody has two messages to take',
            reads: { machines: [], inboxes: names },
            sometimes: 'somebody has one',
            judge: (view) => {
              const most = Math.max(...names.map((name) => view.inbox(name).length));
              return { violation: most > 1 ? 'two' : null, reached: most === 1 };
            },
          },
          {
            kind: 'deadlock',
            name: 'never-all',
            title: 'They do not end up at the place',
            reads: { machines: names },
            waits: (view) => (count(view) === 3 ? 'all' : null),
          },
        ]),
        symmetry: [1, 2].map((by) =>
          renaming(new Map(names.map((name, at) => [name, names[(at + by) % names.length]!]))),
        ),
      };
      expect(symmetryFaults(model)).toEqual([]);
      const [found, plain] = [true, false].map((symmetry) => breadthFirst(model, { symmetry, until: 'all' }));
      expect([found!.verdict, found!.unreached]).toEqual([plain!.verdict, plain!.unreached]);
      const [near, nearest] = [found!, plain!].map(({ violations }) =>
        violations.map(({ property, trace }) => `${property} after ${trace.steps.length}`).sort(),
      );
      expect(near).toEqual(nearest);
      for (const { trace, text } of found!.violations) {
        expect(wrongAt(model, replayed(model, trace))).toContain(text);
      }
      if (found!.states < plain!.states) smaller += 1;
      // Together with what leaves out orders of steps, of which the first property sees each.
      const unseen = { ...model, properties: model.properties.slice(1) };
      const [both, whole] = [true, false].map((partialOrder) =>
        breadthFirst(unseen, { symmetry: partialOrder, partialOrder, until: 'all' }),
      );
      expect([both!.verdict, both!.unreached]).toEqual([whole!.verdict, whole!.unreached]);
      expect(both!.violations.map(({ property }) => property).sort()).toEqual(
        whole!.violations.map(({ property }) => property).sort(),
      );
      if (both!.states < breadthFirst(unseen, { until: 'all' }).states) smallest += 1;
    }),
    { numRuns: 60 },
  );
  expect(smaller).toBeGreaterThan(10);
  expect(smallest).toBeGreaterThan(0);
});
