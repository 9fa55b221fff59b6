import { describe, expect, test } from 'vitest';
import { type AnyStateMachine, assign, emit, setup } from 'xstate';
import { breadthFirst } from '../src/breadth-first.ts';
import { ENVIRONMENT, type Message, type Model, type ModelMachine } from '../src/model.ts';
import { partialOrderFaults } from '../src/partial-order-check.ts';
import type { CheckedProperty, Observer, View } from '../src/property.ts';
import { counterCounts, counters, lockServer } from './classics/index.ts';
import { both, never, said } from './partial-order-both.ts';
import { replayed, wrongAt } from './replayed.ts';

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

/** Tells the witness of an x that comes while it is at a; what it does by itself nobody sees. */
const receiver: ModelMachine = {
  name: 'receiver',
  machine: setup({}).createMachine({
    initial: 'a',
    states: { a: { on: { go: 'b', x: { target: 'b', actions: emit({ type: 'told' }) } } }, b: {} },
  }),
  ownMoves: goes,
};
/** Sends an x to the receiver with the last of its steps. */
const sender = (steps: number): ModelMachine => ({
  name: 'sender',
  machine: setup({}).createMachine({
    context: { left: steps },
    on: {
      go: [
        {
          guard: ({ context }) => context.left === 1,
          actions: [assign({ left: 0 }), emit({ type: 'x' })],
        },
        {
          guard: ({ context }) => context.left > 1,
          actions: assign({ left: ({ context }) => context.left - 1 }),
        },
      ],
    },
  }),
  ownMoves: goes,
});
const witness: ModelMachine = {
  name: 'witness',
  machine: setup({}).createMachine({ initial: 'a', states: { a: { on: { told: 'b' } }, b: {} } }),
};
/** What a witness must not be told. */
const witnessed = (rest: Partial<Model> & Pick<Model, 'machines'>): Model => ({
  name: 'witnessed',
  route: ({ type }) => ({ to: type === 'told' ? 'witness' : 'receiver', lane: '' }),
  properties: [never('told', ['witness'], (view) => isAt(view, 'witness', 'b'))],
  ...rest,
  // The receiver is first, so that its step is the first that could be enough.
  machines: [receiver, ...rest.machines, witness],
});
const offering = (
  source: NonNullable<Model['environment']>['sources'][number],
  hears?: NonNullable<Model['environment']>['hears'],
): Partial<Model> => ({
  environment: { initial: 0, sources: [source], ...(hears === undefined ? {} : { hears }) },
});
const offerX = (next: number) => ({ to: 'receiver', message: { type: 'x' }, next, label: 'x' });
const offerTold = { to: 'witness', message: { type: 'told' }, next: 0, label: 'told' };
/** Tells the environment that it has gone. */
const herald: ModelMachine = {
  name: 'herald',
  machine: setup({}).createMachine({
    initial: 'a',
    states: { a: { on: { go: { target: 'b', actions: emit({ type: 'heard' }) } } }, b: {} },
  }),
  ownMoves: goes,
};

describe('a step that others can come before is not taken for enough', () => {
  const hearing: Model['route'] = ({ type }) => (type === 'heard' ? { to: ENVIRONMENT, lane: '' } : null);
  test.each`
    what                                                         | model
    ${'a message that is sent in the next step'}                 | ${witnessed({ machines: [sender(1)] })}
    ${'a message of which nothing is known for a long time'}     | ${witnessed({ machines: [sender(5)] })}
    ${'an offer'}                                                | ${witnessed({ machines: [], ...offering({ offers: (made: number) => (made === 0 ? [offerX(1)] : []) }) })}
    ${'an offer that is made only where the machine stands now'} | ${witnessed({ machines: [], ...offering({ reads: ['receiver'], offers: (_, view) => (isAt(view, 'receiver', 'a') ? [offerTold] : []) }) })}
    ${'an offer that is made only where the fact holds'}         | ${witnessed({ machines: [], ...offering({ guards: { receiver: ({ value }) => value === 'a' }, offers: () => [offerTold] }) })}
    ${'an offer that is made until the environment has heard'}   | ${witnessed({ machines: [herald], route: hearing, ...offering({ offers: (heard: number) => (heard === 0 ? [offerTold] : []) }, () => 1) })}
  `('$what', ({ model }) => {
    const [reduced, plain] = both(model);
    expect(said(plain).violated).toEqual(['told']);
    expect(said(reduced)).toEqual(said(plain));
    expect(wrongAt(model, replayed(model, reduced.violations[0]!.trace))).toEqual(['it has come to that']);
  });
});

/** Clients that each put something into a cell of their own, again and again, and wait for the answer each time. */
function cells(count: number, puts: number, commutes: boolean): Model {
  const names = Array.from({ length: count }, (_, n) => `client${n}`);
  const client: AnyStateMachine = setup({
    types: {} as { context: { readonly left: number; readonly name: string }; input: string },
    guards: { hasLeft: ({ context }) => context.left > 0 },
  }).createMachine({
    context: ({ input }) => ({ left: puts, name: input }),
    initial: 'idle',
    states: {
      idle: {
        on: {
          go: {
            guard: 'hasLeft',
            target: 'waiting',
            actions: [
              emit(({ context: { name } }) => ({ type: 'put', name })),
              assign({ left: ({ context }) => context.left - 1 }),
            ],
          },
        },
      },
      waiting: { on: { done: 'idle' } },
    },
  });
  const server = setup({
    types: {} as {
      context: Readonly<Record<string, number>>;
      events: { readonly type: 'put'; readonly name: string };
      emitted: { readonly type: 'done'; readonly to: string };
    },
  }).createMachine({
    context: Object.fromEntries(names.map((name) => [name, 0])),
    on: {
      put: {
        actions: [
          assign(({ context, event: { name } }) => ({ [name]: context[name]! + 1 })),
          emit(({ event: { name } }) => ({ type: 'done', to: name })),
        ],
      },
    },
  });
  return {
    name: `${count} cells, ${puts} puts`,
    machines: [
      { name: 'server', machine: server },
      ...names.map((name) => ({ name, machine: client, input: name, ownMoves: goes })),
    ],
    route: (message) => ({ to: (message as { readonly to?: string }).to ?? 'server', lane: '' }),
    properties: [
      {
        kind: 'deadlock',
        name: 'all-done',
        title: 'At the end all have been put',
        reads: { machines: ['server'] },
        waits: (view) =>
          Object.values(view.snapshot('server').context).every((each) => each === puts) ? null : 'not all',
      },
      {
        kind: 'sometimes',
        name: 'last',
        title: 'The first client comes to its end',
        reads: { machines: ['client0'] },
        holds: (view) => view.snapshot('client0').context.left === 0,
      },
    ],
    ...(commutes
      ? {
          partialOrder: {
            commutes: (machine, message, other) => machine === 'server' && message.name !== other.name,
          },
        }
      : {}),
  };
}

describe('messages that a machine takes in either order', () => {
  test.each`
    count | puts
    ${2}  | ${2}
    ${4}  | ${2}
    ${3}  | ${4}
  `('$count clients, $puts puts: one at a time', ({ count, puts }) => {
    const [reduced, plain] = both(cells(count, puts, true));
    const [some] = both(cells(count, puts, false));
    // A client has so many puts left, or waits with a message on one of two ways.
    expect(plain.states).toBe((3 * puts + 1) ** count);
    expect(said(reduced)).toEqual(said(plain));
    expect(said(some)).toEqual(said(plain));
    expect(reduced.states).toBeLessThan(some.states);
    expect(some.states).toBeLessThan(plain.states);
    expect(reduced).toMatchObject({ states: 3 * puts * count + 1, depth: 3 * puts * count });
    expect(partialOrderFaults(cells(count, puts, true))).toEqual([]);
  });

  test('what a model says of them and is not so ends the search, and is told of a small model', () => {
    const model = cells(2, 0, true);
    const mistaken: Model = {
      ...model,
      machines: [{ name: 'server', machine: onlyFirst }, ...model.machines.slice(1)],
      inFlight: ['client0', 'client1'].map((from) => ({
        from,
        to: 'server',
        lane: '',
        message: { type: 'put', name: from } as Message,
      })),
    };
    const text = /server does not take \{.*client\d.*\} and \{.*client\d.*\} in either order: /;
    expect(() => breadthFirst(mistaken, { partialOrder: true })).toThrow(text);
    const faults = partialOrderFaults(mistaken);
    expect(faults.length).toBeGreaterThan(0);
    for (const fault of faults) expect(fault).toMatch(text);
  });
});

test('two messages that the model does not say go in either order are taken in both', () => {
  const model = cells(2, 1, true);
  const [reduced, plain] = both({
    ...model,
    machines: [{ name: 'server', machine: onlyFirst }, ...model.machines.slice(1)],
    partialOrder: { commutes: () => false },
    properties: ['client0', 'client1'].map((name) => ({
      kind: 'deadlock',
      name,
      title: `${name} is answered`,
      reads: { machines: [name] },
      waits: (view) => (isAt(view, name, 'waiting') ? 'it waits' : null),
    })),
  });
  expect(said(plain).violated).toEqual(['client0', 'client1']);
  expect(said(reduced)).toEqual(said(plain));
});

/** Answers whoever is first. */
const onlyFirst: AnyStateMachine = setup({
  types: {} as {
    context: { readonly first: string | null };
    events: { readonly type: 'put'; readonly name: string };
  },
}).createMachine({
  context: { first: null },
  on: {
    put: [
      {
        guard: ({ context }) => context.first === null,
        actions: [
          assign(({ event }) => ({ first: event.name })),
          emit(({ event }) => ({ type: 'done', to: event.name })),
        ],
      },
      { actions: assign({}) },
    ],
  },
});

describe('what a property does not look at, as the model says', () => {
  const moves = (name: string, watches: boolean): Observer<number> => ({
    kind: 'observer',
    name,
    title: 'The second counter does not move',
    reads: { machines: [] },
    sometimes: 'a counter moves',
    initial: 0,
    remembers: true,
    watches: (machine) => machine === (watches ? 'counter1' : 'counter0'),
    observe: (memory, { machine }) => ({
      memory: machine === 'counter1' ? memory + 1 : memory,
      violation: null,
      reached: machine === 'counter1',
    }),
  });

  test('steps that it does not watch are left out, and it says the same', () => {
    const model: Model = { ...counters(3, 3), properties: [moves('moves', true)] };
    const [reduced, plain] = both(model);
    expect(said(reduced)).toEqual(said(plain));
    expect(reduced.states).toBe(3 * 3 + 1);
    expect(partialOrderFaults(model)).toEqual([]);
  });

  test('one that remembers is told of steps whatever its guards say', () => {
    const inOrder: CheckedProperty = {
      ...moves('in-order', true),
      reads: { machines: [], guards: { counter0: () => false, counter1: () => false } },
      watches: () => true,
      observe: (memory: number, { machine }: { readonly machine: string }) => ({
        // Who has moved so far, as digits: 2 for counter1.
        memory: memory * 10 + (machine === 'counter1' ? 2 : 1),
        violation: memory === 2 && machine === 'counter1' ? 'counter1 moves twice first' : null,
        reached: true,
      }),
    };
    const [reduced, plain] = both({ ...counters(2, 2), properties: [inOrder] });
    expect(said(plain).violated).toEqual(['in-order']);
    expect(said(reduced)).toEqual(said(plain));
  });

  test('a step that it does watch after all is told of', () => {
    const model: Model = { ...counters(2, 1), properties: [moves('moves', false)] };
    expect(partialOrderFaults(model)).toEqual([
      '2 counters to 1: a property sees that counter1 takes tick, and looks at nothing that changes',
    ]);
  });

  test('the part of a machine that properties see: a step that changes another part is left out', () => {
    const plain = counters(3, 3);
    const model: Model = {
      ...plain,
      partialOrder: { seen: (_, { context }) => context.count === 3 },
    };
    const [reduced, whole] = both(model);
    expect(said(reduced)).toEqual(said(whole));
    expect(reduced.states).toBe(3 * 3 + 1);
    expect(partialOrderFaults(model)).toEqual([]);
    const mistaken: Model = { ...plain, partialOrder: { seen: () => null } };
    expect(partialOrderFaults(mistaken)).toEqual([
      '3 counters to 3: a property sees that counter0 takes tick, and looks at nothing that changes',
    ]);
  });
});

test('a leads-to is refused: what is put off need not come', () => {
  expect(() => breadthFirst(lockServer(1), { partialOrder: true })).toThrow(
    new RangeError('partial order says nothing of served-client0: steps may be put off for ever'),
  );
});
