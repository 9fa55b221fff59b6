import { type AnyMachineSnapshot, assign, emit, setup } from 'xstate';
import { ENVIRONMENT, type Model } from '../../src/model.ts';
import type { CheckedProperty, View } from '../../src/property.ts';

type Prepared = { readonly type: 'Prepared'; readonly rm: string };
type Decision = { readonly type: 'Commit' | 'Abort'; readonly rm: string };
type Sent = Prepared | Decision;

const managers = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, at) => `rm${at + 1}`);

/** The transaction manager: it may abort at any moment, and commit once it has heard of enough who are prepared. */
const transactionManager = (rms: readonly string[], enough: number) =>
  setup({
    types: {} as {
      context: { readonly prepared: readonly string[] };
      events: Prepared | { readonly type: 'commit' } | { readonly type: 'abort' };
      emitted: Decision;
    },
    guards: { isEnough: ({ context }) => context.prepared.length >= enough },
    actions: {
      note: assign({
        prepared: ({ context }, { rm }: { readonly rm: string }) =>
          [...new Set([...context.prepared, rm])].sort(),
      }),
    },
  }).createMachine({
    context: { prepared: [] },
    initial: 'init',
    states: {
      init: {
        on: {
          Prepared: { actions: { type: 'note', params: ({ event }) => event } },
          commit: {
            guard: 'isEnough',
            target: 'committed',
            actions: rms.map((rm) => emit({ type: 'Commit', rm })),
          },
          abort: { target: 'aborted', actions: rms.map((rm) => emit({ type: 'Abort', rm })) },
        },
      },
      committed: {},
      aborted: {},
    },
  });

/** A resource manager does what it is told, wherever it stands. */
const resourceManager = setup({
  types: {} as {
    context: { readonly rm: string };
    input: string;
    events: Decision | { readonly type: 'prepare' } | { readonly type: 'abort' };
    emitted: Prepared;
  },
}).createMachine({
  context: ({ input }) => ({ rm: input }),
  initial: 'working',
  on: { Commit: '.committed', Abort: '.aborted' },
  states: {
    working: {
      on: {
        prepare: {
          target: 'prepared',
          actions: emit(({ context }) => ({ type: 'Prepared', rm: context.rm })),
        },
        abort: 'aborted',
      },
    },
    prepared: {},
    committed: {},
    aborted: {},
  },
});

const receiverOf = (message: Sent): string => (message.type === 'Prepared' ? 'tm' : message.rm);

const isAt = (snapshot: AnyMachineSnapshot, value: string): boolean => snapshot.value === value;

const countAt = (view: View, rms: readonly string[], value: string): number =>
  rms.filter((rm) => isAt(view.snapshot(rm), value)).length;

const consistent = (rms: readonly string[]): CheckedProperty => ({
  kind: 'invariant',
  name: 'consistent',
  title: 'No resource manager has committed where another one has aborted',
  reads: { machines: rms },
  sometimes: 'a resource manager has committed',
  judge: (view) => {
    const hasCommitted = countAt(view, rms, 'committed') > 0;
    const isSplit = hasCommitted && countAt(view, rms, 'aborted') > 0;
    return { violation: isSplit ? 'one has committed and one has aborted' : null, reached: hasCommitted };
  },
});

const allCommit = (rms: readonly string[]): CheckedProperty => ({
  kind: 'sometimes',
  name: 'all-commit',
  title: 'All resource managers commit',
  reads: { machines: rms },
  holds: (view) => countAt(view, rms, 'committed') === rms.length,
});

const participants = (rms: readonly string[], enough: number): Model['machines'] => [
  {
    name: 'tm',
    machine: transactionManager(rms, enough),
    ownMoves: () => [{ type: 'commit' }, { type: 'abort' }],
  },
  ...rms.map((rm) => ({
    name: rm,
    machine: resourceManager,
    input: rm,
    ownMoves: () => [{ type: 'prepare' }, { type: 'abort' }],
  })),
];

/**
 * TwoPhase of the TLA+ examples, action for action: messages are a set that only grows, so that each can be received
 * again and again. The environment keeps the set and offers all that is in it.
 *
 * TLC reports 288 distinct states, 1146 generated (the first one and 1145 steps) and a depth of 11 states for three
 * resource managers: https://github.com/tlaplus/Examples, specifications/transaction_commit/manifest.json. For any
 * number: `twoPhaseSetCounts`.
 */
export function twoPhaseSet(count: number): Model {
  const rms = managers(count);
  return {
    name: `two-phase commit with a set of messages, ${count}`,
    machines: participants(rms, count),
    route: () => ({ to: ENVIRONMENT, lane: '' }),
    environment: {
      initial: [] as readonly Sent[],
      hears: (messages: readonly Sent[], message) => {
        const texts = new Set([...messages, message].map((each) => JSON.stringify(each)));
        return [...texts].sort().map((text) => JSON.parse(text) as Sent);
      },
      sources: [
        {
          offers: (messages: readonly Sent[]) =>
            messages.map((message) => ({ to: receiverOf(message), message, next: messages, label: null })),
        },
      ],
    },
    properties: [consistent(rms), allCommit(rms)],
  };
}

/**
 * While nothing is decided a manager works, has given up, or is prepared, which the transaction manager knows or not:
 * 4^n. After an abort each of the three that sent nothing or something has obeyed or not, 6 a manager; after a commit
 * each is prepared or has committed. The steps are counted in the same three parts.
 */
export const twoPhaseSetCounts = (n: number) => ({
  states: 4 ** n + 6 ** n + 2 ** n,
  transitions: 4 ** n * (1 + n) + 1 + 8 * n * 6 ** (n - 1) + n * 2 ** n,
  depth: 3 * n + 1,
});

const nobodyWaits = (rms: readonly string[]): CheckedProperty => ({
  kind: 'deadlock',
  name: 'decided',
  title: 'At the end every resource manager has committed or aborted',
  reads: { machines: rms },
  waits: (view) => (countAt(view, rms, 'prepared') > 0 ? 'a resource manager waits for the decision' : null),
});

/**
 * The same with messages that are delivered once, each manager's in a channel of its own. With `isEarly` the
 * transaction manager commits as soon as one is prepared.
 */
export function twoPhaseCommit(count: number, { isEarly = false } = {}): Model {
  const rms = managers(count);
  return {
    name: `two-phase commit${isEarly ? ' too early' : ''}, ${count}`,
    machines: participants(rms, isEarly ? 1 : count),
    route: (message) => ({ to: receiverOf(message as Sent), lane: '' }),
    properties: [consistent(rms), allCommit(rms), nobodyWaits(rms)],
  };
}

/**
 * As above, but a decision is delivered once: after an abort each of four (now a message on its way counts as two) is
 * still to be told, or was told and is one of three.
 */
export const twoPhaseCommitCounts = (n: number) => ({
  states: 4 ** n + 7 ** n + 2 ** n,
  transitions: 4 ** n + 1 + 3 * n * 4 ** (n - 1) + 6 * n * 7 ** (n - 1) + n * 2 ** (n - 1),
  depth: 3 * n + 1,
});

/** Prepared, noted, committed, told; and another one gives up. */
export const EARLY_COMMIT_STEPS = 5;
