import { RCU_THREAD } from '@spapr-dma/kvm';
import { threadId } from '@spapr-dma/protocol';
import { expect, test } from 'vitest';
import { assign, emit, setup } from 'xstate';
import type { Choice } from '../../src/choices.ts';
import type { AnyMessage, Participant } from '../../src/participants.ts';
import { initialState } from '../../src/pure-driver.ts';
import { EFFECTS } from './effects.ts';
import { guidedRun, NotExplained, whenAtRest } from './guided-run.ts';
import { progressOn } from './matching.ts';

interface Context {
  /** What is left of the call, and callbacks that wait for a grace period. */
  readonly left: readonly string[];
  readonly waiting: readonly string[];
}

const effect = (fn: string) => ({ type: 'effect', from: 'kvm', to: 'environment', fn, args: {} });
const is =
  (thread: string) =>
  ({ event }: { event: AnyMessage }) =>
    event.thread === thread;

/** A call that runs f, queues a callback, and runs g in a step of its own. */
const machine = setup({
  types: {} as { context: Context; events: AnyMessage; emitted: AnyMessage },
}).createMachine({
  context: { left: [], waiting: [] },
  initial: 'here',
  states: { here: {} },
  on: {
    call: {
      guard: ({ context }) => context.left.length === 0,
      actions: [emit(effect('f') as unknown as AnyMessage), assign({ left: ['g'], waiting: ['freed'] })],
    },
    step: [
      {
        guard: (args) => is('main')(args) && args.context.left.length > 0,
        actions: [
          emit(({ context }) => effect(context.left[0]!) as unknown as AnyMessage),
          assign({ left: [] }),
        ],
      },
      {
        guard: (args) => is(RCU_THREAD)(args) && args.context.waiting.length > 0,
        actions: [
          emit(({ context }) => effect(context.waiting[0]!) as unknown as AnyMessage),
          assign({ waiting: [] }),
        ],
      },
    ],
  },
});
const participants: readonly Participant[] = [
  {
    name: 'kvm',
    component: 'kvm',
    machine,
    input: undefined,
    canonical: (context) => context,
    threads: () => [threadId('main'), RCU_THREAD],
  },
];
const call = (): Choice => ({
  kind: 'offer',
  to: 'kvm',
  message: { type: 'call', from: 'environment', to: 'kvm' },
});

function play(recorded: readonly string[], cutShort = false): readonly string[] {
  const calls = recorded.map((fn, index) => ({ fn, args: {}, times: 1, line: index + 1 }));
  const start = {
    state: initialState(participants),
    progress: { ...progressOn(calls), answers: [], cutShort },
  };
  const { state } = guidedRun(participants, start, [whenAtRest(call)], EFFECTS, cutShort);
  const { left, waiting } = state.snapshots.kvm!.context as Context;
  return [...left, ...waiting];
}

test.each`
  recorded               | left
  ${['f', 'g', 'freed']} | ${[]}
  ${['f', 'freed', 'g']} | ${[]}
  ${['f', 'g']}          | ${['freed']}
`('a callback runs where the recording has it: $recorded', ({ recorded, left }) => {
  expect(play(recorded)).toEqual(left);
});

test('where the recording is cut, the machines stop as well', () => {
  expect(play(['f'], true)).toEqual(['g', 'freed']);
});

test.each`
  recorded                    | why
  ${['freed', 'f', 'g']}      | ${'f runs, recorded is freed (line 1)'}
  ${['f', 'h', 'g']}          | ${/ runs, recorded is h \(line 2\)/}
  ${['f']}                    | ${/ runs, the recording has no more/}
  ${['f', 'g', 'freed', 'f']} | ${'the machines are at rest, recorded is f'}
`('no schedule gives $recorded', ({ recorded, why }) => {
  expect(() => play(recorded)).toThrow(NotExplained);
  expect(() => play(recorded)).toThrow(why);
});
