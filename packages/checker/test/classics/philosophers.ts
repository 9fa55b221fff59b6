import { emit, setup } from 'xstate';
import type { Model } from '../../src/model.ts';

type Handled = { readonly type: 'take' | 'put'; readonly fork: string; readonly by: string };
type Granted = { readonly type: 'granted'; readonly to: string };

/** A fork that is held does not take the next request, which waits in its channel. */
const fork = setup({ types: {} as { events: Handled; emitted: Granted } }).createMachine({
  initial: 'free',
  states: {
    free: {
      on: {
        take: { target: 'held', actions: emit(({ event }) => ({ type: 'granted', to: event.by })) },
      },
    },
    held: { on: { put: 'free' } },
  },
});

interface Place {
  readonly name: string;
  readonly first: string;
  readonly second: string;
}

const philosopher = setup({
  types: {} as {
    context: Place;
    input: Place;
    events: Granted | { readonly type: 'hungry' } | { readonly type: 'full' };
    emitted: Handled;
  },
}).createMachine({
  context: ({ input }) => input,
  initial: 'thinking',
  states: {
    thinking: {
      on: {
        hungry: {
          target: 'waitsForFirst',
          actions: emit(({ context: { first, name } }) => ({ type: 'take', fork: first, by: name })),
        },
      },
    },
    waitsForFirst: {
      on: {
        granted: {
          target: 'waitsForSecond',
          actions: emit(({ context: { second, name } }) => ({ type: 'take', fork: second, by: name })),
        },
      },
    },
    waitsForSecond: { on: { granted: 'eating' } },
    eating: {
      on: {
        full: {
          target: 'thinking',
          actions: [
            emit(({ context: { first, name } }) => ({ type: 'put', fork: first, by: name })),
            emit(({ context: { second, name } }) => ({ type: 'put', fork: second, by: name })),
          ],
        },
      },
    },
  },
});

/**
 * Philosophers at a round table, each taking the fork to the left and then that to the right. With `isAsymmetric` the
 * last one begins to the right, and they cannot all wait for each other.
 */
export function philosophers(count: number, { isAsymmetric = false } = {}): Model {
  const places = Array.from({ length: count }, (_, at): Place => {
    const [left, right] = [`fork${at}`, `fork${(at + 1) % count}`];
    const isOther = isAsymmetric && at === count - 1;
    return { name: `philosopher${at}`, first: isOther ? right : left, second: isOther ? left : right };
  });
  const names = places.map(({ name }) => name);
  return {
    name: `${isAsymmetric ? 'asymmetric ' : ''}dining philosophers, ${count}`,
    machines: [
      ...places.map((input) => ({
        name: input.name,
        machine: philosopher,
        input,
        ownMoves: () => [{ type: 'hungry' }, { type: 'full' }],
      })),
      ...places.map((_, at) => ({ name: `fork${at}`, machine: fork })),
    ],
    route: (message) => ({
      to: message.type === 'granted' ? (message as Granted).to : (message as Handled).fork,
      lane: '',
    }),
    properties: [
      {
        kind: 'deadlock',
        name: 'no-deadlock',
        title: 'Not all philosophers wait for each other',
        reads: { machines: names },
        waits: (view) => {
          const waiting = names.filter((name) => view.snapshot(name).value === 'waitsForSecond');
          return waiting.length > 0 ? `${waiting.join(', ')} wait for a second fork` : null;
        },
      },
      {
        kind: 'sometimes',
        name: 'eats',
        title: 'The first philosopher eats',
        reads: { machines: ['philosopher0'] },
        holds: (view) => view.snapshot('philosopher0').value === 'eating',
      },
    ],
  };
}

/** Each philosopher is hungry, gets the first fork, and is told so; then all have asked for the second. */
export const deadlockSteps = (n: number): number => 3 * n;

/**
 * Each philosopher stands to each of two forks in one of six ways: nothing, asked, granted but not told, holding, put
 * back on its way, and that with the next request behind it. The last four keep the neighbour from them. Thinking
 * goes with 4 pairs of these, waiting for the first fork with 6, for the second with 3, eating with 1; by whether the
 * first and the second fork are kept that makes 2 (neither), 2 (second), 4 (first) and 6 (both). Around the table no
 * fork is kept twice: the trace of a product of 2 × 2 matrices, from whether a philosopher keeps the right fork to
 * whether the next one does.
 *
 * Of these, 2^(n + 1) cannot be reached: those in which everybody's right fork is on its way back, or everybody's left
 * one, and nobody keeps the other. Each philosopher would have eaten before the next one.
 */
export function philosopherStates(n: number, { isAsymmetric = false } = {}): number {
  const usual = [
    [6, 8],
    [2, 2],
  ];
  const other = [
    [4, 10],
    [2, 4],
  ];
  const product = Array.from({ length: n - 1 }, () => usual).reduce(times, isAsymmetric ? other : usual);
  return product[0]![0]! + product[1]![1]! - 2 ** (n + 1);
}

const times = (a: number[][], b: number[][]): number[][] =>
  a.map((row) => b[0]!.map((_, column) => row.reduce((sum, each, k) => sum + each * b[k]![column]!, 0)));
