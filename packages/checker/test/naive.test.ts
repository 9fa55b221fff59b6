import { expect, test } from 'vitest';
import { assign, emit, setup } from 'xstate';
import type { Message, Model, Offer } from '../src/model.ts';
import { naiveSearch } from '../src/naive.ts';
import type { CheckedProperty } from '../src/property.ts';
import { counters, tokenRing, twoPhaseCommit } from './classics/index.ts';

type Said = { readonly type: string; readonly n?: number };

/** Says what it is told to, and waits for `go` before it takes anything. */
const teller = setup({
  types: {} as { events: Said; emitted: Said },
}).createMachine({
  initial: 'telling',
  states: {
    telling: {
      on: {
        tell: { target: 'told', actions: [emit({ type: 'a', n: 1 }), emit({ type: 'a', n: 2 })] },
        fail: {
          actions: assign(() => {
            throw new Error('out of paper');
          }),
        },
      },
    },
    told: {},
  },
});

const listener = setup({
  types: {} as { context: { readonly heard: readonly number[] }; events: Said },
}).createMachine({
  context: { heard: [] },
  on: { a: { actions: assign({ heard: ({ context, event }) => [...context.heard, event.n!] }) } },
});

const silent = { violation: null, reached: false };

/** A teller and a listener. Everything a test is about is put in its place. */
const story = (changes: Partial<Model> = {}, own: readonly Message[] = [{ type: 'tell' }]): Model => ({
  name: 'a story',
  machines: [
    { name: 'teller', machine: teller, ownMoves: () => own },
    { name: 'listener', machine: listener },
  ],
  route: () => ({ to: 'listener', lane: '' }),
  properties: [],
  ...changes,
});

const heardIn = (model: Model): readonly string[] => {
  const heard = new Set<string>();
  naiveSearch(model, {
    until: 'all',
    onEdge: ({ after }) => heard.add((after.snapshots[1]!.context as { heard: number[] }).heard.join()),
  });
  return [...heard].sort();
};

test('messages of one lane arrive in order, those of different lanes in any', () => {
  expect(heardIn(story())).toEqual(['', '1', '1,2']);
  const byNumber = (message: Message) => ({ to: 'listener', lane: `${(message as Said).n}` });
  expect(heardIn(story({ route: byNumber }))).toEqual(['', '1', '1,2', '2', '2,1']);
});

test('in which order messages of different lanes were sent makes no difference, of one lane it does', () => {
  const tells = (name: string) => ({ name, machine: teller, ownMoves: () => [{ type: 'tell' }] });
  const model = story({ machines: [tells('one'), tells('other'), { name: 'listener', machine: restless }] });
  expect(naiveSearch(model)).toMatchObject({ states: 4, transitions: 4 });
  const isOf = (n: number) => ({ from: 'teller', to: 'listener', lane: '', message: { type: 'a', n } });
  expect(heardIn(story({ inFlight: [isOf(2), isOf(1)] }, []))).toEqual(['2', '2,1']);
});

test('a message that nobody hears is gone; one to the environment changes it in the same step', () => {
  expect(naiveSearch(story({ route: () => null })).states).toBe(2);
  const seen: unknown[] = [];
  naiveSearch(
    story({
      route: () => ({ to: 'environment', lane: '' }),
      environment: { initial: '', sources: [], hears: (state, { n }: Said, from) => `${state}${from}${n} ` },
    }),
    {
      onEdge: ({ after, sent }) =>
        seen.push(
          after.environment,
          sent.map(({ to }) => to),
        ),
    },
  );
  expect(seen).toEqual(['teller1 teller2 ', ['environment', 'environment']]);
});

const offering = (offer: Partial<Offer<number>>, guards = {}): Model =>
  story({
    environment: {
      initial: 0,
      sources: [
        {
          reads: ['listener'],
          guards,
          offers: (state: number) =>
            state > 0
              ? []
              : [{ to: 'listener', message: { type: 'a', n: 7 } as Said, next: 1, label: 'seven', ...offer }],
        },
      ],
    },
  });

test('an offer is made where its receiver takes it, and one for idle moments where nobody else can move', () => {
  expect(heardIn(offering({}))).toContain('7,1,2');
  expect(heardIn(offering({ whenIdle: true }))).toEqual(['', '1', '1,2', '1,2,7']);
  expect(heardIn(offering({ message: { type: 'unknown' } }))).toEqual(['', '1', '1,2']);
});

test('a source that needs a fact offers nothing without it', () => {
  const hasHeard = (count: number) => ({
    listener: (snapshot: { context: { heard: readonly number[] } }) =>
      snapshot.context.heard.length === count,
  });
  expect(heardIn(offering({}, hasHeard(1)))).toEqual(['', '1', '1,2', '1,7', '1,7,2']);
});

test('what was not declared cannot be read', () => {
  const looking = (judge: Extract<CheckedProperty, { kind: 'invariant' }>['judge']): Model =>
    story({
      properties: [
        {
          kind: 'invariant',
          name: 'looks',
          title: '',
          reads: { machines: ['teller'] },
          sometimes: null,
          judge,
        },
      ],
    });
  const reading = (what: (view: Parameters<Parameters<typeof looking>[0]>[0]) => unknown) => () =>
    naiveSearch(
      looking((view) => {
        what(view);
        return silent;
      }),
    );
  expect(reading((view) => view.snapshot('teller'))).not.toThrow();
  expect(reading((view) => view.snapshot('listener'))).toThrow(RangeError);
  expect(reading((view) => view.inbox('teller'))).toThrow(RangeError);
  expect(reading((view) => view.environment())).toThrow(RangeError);
});

test('a machine that fails, or sends to nobody, is a violation; the search goes on without the step', () => {
  const failing = naiveSearch(story({}, [{ type: 'fail' }, { type: 'tell' }]), { until: 'all' });
  expect(failing).toMatchObject({ verdict: 'violated', states: 4 });
  expect(failing.violations).toMatchObject([
    { property: 'machine-failure', text: 'out of paper', trace: { steps: [{ message: { type: 'fail' } }] } },
  ]);
  const { violations } = naiveSearch(story({ route: () => ({ to: 'nobody', lane: '' }) }));
  expect(violations[0]).toMatchObject({ text: 'a story has no machine nobody' });
});

/** Remembers how often the teller was heard. */
const counting = (remembers: boolean): CheckedProperty => ({
  kind: 'observer',
  name: 'counting',
  title: 'Nobody is told twice',
  reads: { machines: [] },
  sometimes: 'somebody is told',
  initial: 0,
  remembers,
  observe: (count: number, { from, machine }) => {
    if (from !== 'teller' || machine !== 'listener') return { ...silent, memory: count };
    return {
      violation: count === 1 ? 'told twice' : null,
      reached: true,
      memory: remembers ? count + 1 : count,
    };
  },
  atRest: (count: number) => (count === 2 ? 'told twice, and over' : null),
});

test('an observer sees each step with what it remembers, and the nearest violation is reported', () => {
  const { violations, unreached } = naiveSearch(story({ properties: [counting(true)] }), { until: 'all' });
  expect(violations).toMatchObject([{ property: 'counting', text: 'told twice' }]);
  expect(
    violations[0]!.trace.steps.map(({ n, from, to, lane, message }) => [n, from, to, lane, message.type]),
  ).toEqual([
    [1, 'teller', 'teller', null, 'tell'],
    [2, 'teller', 'listener', '', 'a'],
    [3, 'teller', 'listener', '', 'a'],
  ]);
  expect(unreached).toEqual([]);
  expect(naiveSearch(story({ properties: [counting(false)] })).verdict).toBe('holds');
});

test('memories are part of the state', () => {
  const alternating: CheckedProperty = {
    ...(counting(true) as Extract<CheckedProperty, { kind: 'observer' }>),
    observe: (count: number) => ({ ...silent, memory: 1 - count }),
    atRest: () => null,
    sometimes: null,
  };
  const model = story({
    properties: [alternating],
    machines: [{ name: 'listener', machine: teller, ownMoves: () => [{ type: 'tell' }] }],
    route: () => null,
  });
  expect(naiveSearch(model).states).toBe(2);
  const again: Model = {
    ...counters(1, 1),
    machines: [{ name: 'counter0', machine: restless, ownMoves: () => [{ type: 'again' }] }],
    properties: [alternating],
  };
  expect(naiveSearch(again)).toMatchObject({ states: 2, transitions: 2 });
});

const restless = setup({ types: {} as { events: Said } }).createMachine({
  initial: 'here',
  states: { here: { on: { again: 'here' } } },
});

test('a property that nothing was about does not hold', () => {
  const { verdict, unreached, violations } = naiveSearch({
    ...counters(2, 2),
    properties: [
      {
        kind: 'sometimes',
        name: 'three',
        title: 'A counter is at 3',
        reads: { machines: ['counter1'] },
        holds: (view) => view.snapshot('counter1').context.count === 3,
      },
      {
        kind: 'invariant',
        name: 'five',
        title: 'fine',
        reads: { machines: [] },
        sometimes: 'there is a five',
        judge: () => silent,
      },
      {
        kind: 'invariant',
        name: 'six',
        title: 'fine',
        reads: { machines: [] },
        sometimes: null,
        judge: () => silent,
      },
    ],
  });
  expect({ verdict, unreached, violations }).toEqual({
    verdict: 'violated',
    unreached: [
      { property: 'three', sometimes: 'A counter is at 3' },
      { property: 'five', sometimes: 'there is a five' },
    ],
    violations: [],
  });
});

test('a fact that a property needs keeps it from speaking', () => {
  const below: CheckedProperty = {
    kind: 'invariant',
    name: 'below',
    title: 'The second is not at 2',
    reads: { machines: ['counter1'], guards: { counter0: ({ context }) => context.count === 1 } },
    sometimes: null,
    judge: (view) => ({
      violation: view.snapshot('counter1').context.count === 2 ? 'it is' : null,
      reached: true,
    }),
  };
  const { violations } = naiveSearch({ ...counters(2, 2), properties: [below] });
  expect(violations.map(({ trace }) => trace.steps.length)).toEqual([3]);
});

test('what is judged at rest is so only where the facts that it needs hold', () => {
  const resting = (value: string): CheckedProperty => ({
    kind: 'deadlock',
    name: 'resting',
    title: 'Nobody rests',
    reads: { machines: ['listener'], guards: { teller: (snapshot) => snapshot.value === value } },
    waits: (view) => (view.snapshot('listener').context.heard.length > 0 ? 'somebody rests' : null),
  });
  expect(naiveSearch(story({ properties: [resting('told')] })).violations).toMatchObject([
    { property: 'resting', text: 'somebody rests', trace: { steps: [{}, {}, {}] } },
  ]);
  expect(naiveSearch(story({ properties: [resting('telling')] })).verdict).toBe('holds');
});

test('of a step and of a rest that are wrong in one level, the nearer is reported', () => {
  /** Goes left, where one step more is wrong; or right, where nothing more can be done. */
  const fork = setup({ types: {} as { events: Said } }).createMachine({
    initial: 'start',
    states: {
      start: { on: { left: 'left', right: 'right' } },
      left: { on: { on: 'end' } },
      right: {},
      end: {},
    },
  });
  const wrong: CheckedProperty = {
    kind: 'observer',
    name: 'wrong',
    title: 'Nobody goes on from the left or rests at the right',
    reads: { machines: ['fork'] },
    sometimes: null,
    initial: null,
    remembers: false,
    observe: (memory, { message }) => ({
      violation: message.type === 'on' ? 'goes on' : null,
      reached: true,
      memory,
    }),
    atRest: (_, view) => (view.snapshot('fork').value === 'right' ? 'rests' : null),
  };
  const own = ['left', 'right', 'on'].map((type) => ({ type }));
  const model = { ...story(), machines: [{ name: 'fork', machine: fork, ownMoves: () => own }] };
  expect(naiveSearch({ ...model, properties: [wrong] }).violations).toMatchObject([
    { text: 'rests', trace: { steps: [{ message: { type: 'right' } }] } },
  ]);
});

test('a search that is bounded says by what, and tells nothing of what it did not reach', () => {
  const model = twoPhaseCommit(3);
  expect(naiveSearch(model, { depthMax: 3 })).toMatchObject({
    verdict: 'bounded',
    bound: 'depth',
    depth: 3,
    unreached: [],
  });
  expect(naiveSearch(model, { depthMax: 0 })).toMatchObject({ bound: 'depth', states: 1, transitions: 0 });
  expect(naiveSearch(model, { statesMax: 50 })).toMatchObject({ verdict: 'bounded', bound: 'states' });
  expect(naiveSearch(model, { isStopped: () => true })).toMatchObject({
    verdict: 'bounded',
    bound: 'stopped',
  });
  expect(naiveSearch(tokenRing(2, 3, 0), { depthMax: 4 })).toMatchObject({ bound: 'depth' });
  expect(naiveSearch(tokenRing(2, 3, 0), { depthMax: 5 })).toMatchObject({ verdict: 'holds', bound: null });
});

test('the level of the first violation is finished, and nothing behind it', () => {
  const notYet: CheckedProperty = {
    kind: 'invariant',
    name: 'not-yet',
    title: 'The first has not ticked',
    reads: { machines: ['counter0'] },
    sometimes: null,
    judge: (view) => ({
      violation: view.snapshot('counter0').context.count > 0 ? 'it has' : null,
      reached: true,
    }),
  };
  const model = { ...counters(3, 2), properties: [notYet] };
  expect(naiveSearch(model)).toMatchObject({ verdict: 'violated', states: 4, transitions: 3, depth: 1 });
  expect(naiveSearch(model, { until: 'all' })).toMatchObject({ verdict: 'violated', states: 27, depth: 6 });
});
