import { type AnyStateMachine, assign, emit, setup } from 'xstate';
import type { Model } from '../../src/model.ts';
import type { CheckedProperty, View } from '../../src/property.ts';

type Written =
  | { readonly type: 'flag'; readonly by: number; readonly value: boolean }
  | { readonly type: 'turn'; readonly value: number };
type Read = { readonly type: 'read'; readonly by: number };
type Answer = { readonly type: 'answer'; readonly to: number; readonly mayEnter: boolean };

interface Variables {
  readonly flags: readonly [boolean, boolean];
  readonly turn: number;
}

/** Whether a process may enter: the other one does not want to, or it is this one's turn. */
const mayEnter = ({ flags, turn }: Variables, by: number): boolean => !flags[1 - by] || turn === by;

/** The variables that Peterson's processes share: one access at a time. */
const memory = setup({
  types: {} as { context: Variables; events: Written | Read; emitted: Answer },
}).createMachine({
  context: { flags: [false, false], turn: 0 },
  on: {
    flag: {
      actions: assign({
        flags: ({ context: { flags }, event }) =>
          event.by === 0 ? [event.value, flags[1]] : [flags[0], event.value],
      }),
    },
    turn: { actions: assign({ turn: ({ event }) => event.value }) },
    read: {
      actions: emit(({ context, event: { by } }) => ({
        type: 'answer',
        to: by,
        mayEnter: mayEnter(context, by),
      })),
    },
  },
});

/** A bit that is read and set in one access. */
const testAndSet = setup({
  types: {} as {
    context: { readonly isTaken: boolean };
    events: Read | { readonly type: 'flag' };
    emitted: Answer;
  },
}).createMachine({
  context: { isTaken: false },
  on: {
    read: {
      actions: [
        emit(({ context, event }) => ({ type: 'answer', to: event.by, mayEnter: !context.isTaken })),
        assign({ isTaken: true }),
      ],
    },
    flag: { actions: assign({ isTaken: false }) },
  },
});

export type Lock = 'peterson' | 'turn-first' | 'test-and-set';

/** What a process sends to the memory when it wants to enter. */
function opening(lock: Lock, by: number): readonly (Written | Read)[] {
  const flag: Written = { type: 'flag', by, value: true };
  const turn: Written = { type: 'turn', value: 1 - by };
  const writes = { peterson: [flag, turn], 'turn-first': [turn, flag], 'test-and-set': [] }[lock];
  return [...writes, { type: 'read', by }];
}

const processOf = (by: number, lock: Lock): AnyStateMachine =>
  setup({
    types: {} as {
      events: Answer | { readonly type: 'want' } | { readonly type: 'leave' };
      emitted: Written | Read;
    },
    guards: { mayEnter: ({ event }) => event.type === 'answer' && event.mayEnter },
  }).createMachine({
    initial: 'idle',
    states: {
      idle: {
        on: {
          want: {
            target: 'waiting',
            actions: opening(lock, by).map((each) => emit(each)),
          },
        },
      },
      waiting: {
        on: { answer: [{ guard: 'mayEnter', target: 'critical' }, { actions: emit({ type: 'read', by }) }] },
      },
      critical: {
        on: { leave: { target: 'idle', actions: emit({ type: 'flag', by, value: false }) } },
      },
    },
  });

const PROCESSES = ['process0', 'process1'] as const;

const isAt = (view: View, name: string, value: string): boolean => view.snapshot(name).value === value;

const exclusive: CheckedProperty = {
  kind: 'invariant',
  name: 'exclusive',
  title: 'The processes are not both in their critical sections',
  reads: { machines: PROCESSES },
  sometimes: 'a process is in its critical section',
  judge: (view) => {
    const inside = PROCESSES.filter((name) => isAt(view, name, 'critical'));
    return { violation: inside.length > 1 ? 'both are inside' : null, reached: inside.length > 0 };
  },
};

const enters = (name: string): CheckedProperty => ({
  kind: 'leads-to',
  name: `enters-${name}`,
  title: `${name} enters its critical section once it waits`,
  reads: { machines: [name] },
  from: (view) => isAt(view, name, 'waiting'),
  to: (view) => isAt(view, name, 'critical'),
});

/**
 * Two processes that wait busily for each other. Each posts what it does to the shared variables to a memory, which
 * does one thing at a time in the order of each process.
 *
 * - `peterson`: exclusive, and a process that waits enters, if all go on.
 * - `turn-first`: Peterson's with the two writes the other way round: not exclusive, after `TURN_FIRST_STEPS`.
 * - `test-and-set`: exclusive, but one process may always find the other one inside.
 */
export const mutualExclusion = (lock: Lock): Model => ({
  name: `mutual exclusion, ${lock}`,
  machines: [
    ...PROCESSES.map((name, by) => ({
      name,
      machine: processOf(by, lock),
      ownMoves: () => [{ type: 'leave' }],
    })),
    { name: 'memory', machine: lock === 'test-and-set' ? testAndSet : memory },
  ],
  route: (message) => ({
    to: message.type === 'answer' ? PROCESSES[(message as Answer).to as 0 | 1] : 'memory',
    lane: '',
  }),
  environment: {
    initial: null,
    sources: PROCESSES.map((to) => ({
      offers: () => [{ to, message: { type: 'want' }, next: null, label: `${to} wants to enter` }],
    })),
  },
  properties: [exclusive, ...PROCESSES.map(enters)],
});

/** No step of either can be left out where both are inside: each wants, writes twice, reads, and is answered. */
export const TURN_FIRST_STEPS = 10;
