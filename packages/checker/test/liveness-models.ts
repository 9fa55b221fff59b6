import { type AnyStateMachine, assign, emit, setup } from 'xstate';
import type { Message, Model, ModelMachine } from '../src/model.ts';
import type { LeadsTo } from '../src/property.ts';

/** By state and message: the state after it. */
type Arrows = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** A machine that goes from state to state, from the first one on, and sends nothing. */
export const walker = (name: string, arrows: Arrows, own: readonly string[] = []): ModelMachine => ({
  name,
  machine: setup({}).createMachine({
    initial: Object.keys(arrows)[0]!,
    states: Object.fromEntries(Object.entries(arrows).map(([state, on]) => [state, { on }])),
  }) as AnyStateMachine,
  ownMoves: () => own.map((type) => ({ type })),
});

/** From a state of a machine to another. */
export const leadsTo = (machine: string, from: string, to: string): LeadsTo => ({
  kind: 'leads-to',
  name: `${machine}: ${from} ~> ${to}`,
  title: `${machine} gets from ${from} to ${to}`,
  reads: { machines: [machine] },
  from: (view) => view.snapshot(machine).value === from,
  to: (view) => view.snapshot(machine).value === to,
});

const quiet = (name: string, machines: readonly ModelMachine[], properties: readonly LeadsTo[]): Model => ({
  name,
  machines,
  route: () => null,
  properties,
});

const spinner = walker('spinner', { even: { spin: 'odd' }, odd: { spin: 'even' } }, ['spin']);

/** The walker goes on in the end, if the spinner does not keep everything to itself. */
export const besideASpinner = quiet(
  'beside a spinner',
  [walker('walker', { here: { go: 'there' }, there: {} }, ['go']), spinner],
  [leadsTo('walker', 'here', 'there')],
);

/** One that can leave at every second step only, and one that can leave at each. */
export const waverers = quiet(
  'waverers',
  [
    walker('sometimes', { a: { waver: 'b', leave: 'out' }, b: { waver: 'a' }, out: {} }, ['waver', 'leave']),
    walker('always', { a: { waver: 'b', leave: 'out' }, b: { waver: 'a', leave: 'out' }, out: {} }, [
      'waver',
      'leave',
    ]),
  ],
  [leadsTo('sometimes', 'a', 'out'), leadsTo('always', 'a', 'out')],
);

/** One that may take the wrong turning on its second step, from where nothing leads on. */
export const deadEnd = quiet(
  'dead end',
  [
    walker(
      'walker',
      { home: { set: 'asked' }, asked: { left: 'lost', right: 'there' }, lost: {}, there: { set: 'asked' } },
      ['set', 'left', 'right'],
    ),
  ],
  [leadsTo('walker', 'asked', 'there'), leadsTo('walker', 'nowhere', 'there')],
);

const answeredBy = (how: { readonly isDue?: boolean }): Model => ({
  ...quiet(
    'idle environment',
    [walker('asker', { calm: { ask: 'asking' }, asking: { answer: 'calm' } }, ['ask'])],
    [leadsTo('asker', 'asking', 'calm')],
  ),
  environment: {
    initial: null,
    sources: [
      { offers: () => [{ to: 'asker', message: { type: 'answer' }, next: null, label: 'answer', ...how }] },
    ],
  },
});

/** Somebody asks by himself, and only the environment can answer. */
export const idleEnvironment = answeredBy({});

/** The same, where the answer comes in the end. */
export const dueAnswer = answeredBy({ isDue: true });

/**
 * The shortest path to a state in which it is waited for ever leads by another than the one where it was asked for:
 * `trap` is one step from the start by a way on which nobody asked, and three by the one on which somebody did.
 */
export const shortCut = quiet(
  'short cut',
  [
    walker(
      'walker',
      {
        start: { over: 'trap', on: 'before' },
        before: { on: 'asking' },
        asking: { on: 'trap' },
        trap: {},
        served: {},
      },
      ['over', 'on'],
    ),
  ],
  [leadsTo('walker', 'asking', 'served')],
);

type Asked = { readonly type: 'acquire' | 'release'; readonly by: string };

const client = (name: string): ModelMachine => ({
  name,
  machine: setup({ types: {} as { events: Message; emitted: Asked } }).createMachine({
    initial: 'idle',
    states: {
      idle: { on: { ask: { target: 'waiting', actions: emit({ type: 'acquire', by: name }) } } },
      waiting: { on: { granted: 'inside' } },
      inside: { on: { leave: { target: 'idle', actions: emit({ type: 'release', by: name }) } } },
    },
  }) as AnyStateMachine,
  ownMoves: () => [{ type: 'ask' }, { type: 'leave' }],
});

/** Takes whichever request it likes when it is free; others stay where they are. */
const unfairLock = setup({
  types: {} as { events: Asked; emitted: Message & { readonly to: string } },
}).createMachine({
  initial: 'free',
  states: {
    free: {
      on: {
        acquire: { target: 'held', actions: emit(({ event }) => ({ type: 'granted', to: event.by })) },
      },
    },
    held: { on: { release: 'free' } },
  },
});

/** Takes every request at once, and serves them in that order. */
const ticketLock = setup({
  types: {} as {
    context: { readonly queue: readonly string[] };
    events: Asked;
    emitted: Message & { readonly to: string };
  },
  guards: {
    isFree: ({ context }) => context.queue.length === 0,
    isLast: ({ context }) => context.queue.length === 1,
  },
}).createMachine({
  context: { queue: [] },
  on: {
    acquire: [
      {
        guard: 'isFree',
        actions: [
          assign({ queue: ({ event }) => [event.by] }),
          emit(({ event }) => ({ type: 'granted', to: event.by })),
        ],
      },
      { actions: assign({ queue: ({ context, event }) => [...context.queue, event.by] }) },
    ],
    release: [
      { guard: 'isLast', actions: assign({ queue: [] }) },
      {
        actions: [
          emit(({ context }) => ({ type: 'granted', to: context.queue[1]! })),
          assign({ queue: ({ context }) => context.queue.slice(1) }),
        ],
      },
    ],
  },
});

/** Two clients that want a lock again and again. */
export const lockOf = (kind: 'unfair' | 'ticket'): Model => ({
  name: `${kind} lock`,
  machines: [
    client('first'),
    client('second'),
    { name: 'lock', machine: (kind === 'unfair' ? unfairLock : ticketLock) as AnyStateMachine },
  ],
  route: (message) => ({
    to: message.type === 'granted' ? (message as Message & { readonly to: string }).to : 'lock',
    lane: '',
  }),
  properties: [leadsTo('first', 'waiting', 'inside'), leadsTo('second', 'waiting', 'inside')],
});
