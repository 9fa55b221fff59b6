import { assign, setup } from 'xstate';
import type { Model } from '../../src/model.ts';

const counter = setup({
  types: {} as { context: { readonly count: number; readonly max: number }; input: number },
  guards: { isBelow: ({ context }) => context.count < context.max },
}).createMachine({
  context: ({ input }) => ({ count: 0, max: input }),
  on: { tick: { guard: 'isBelow', actions: assign({ count: ({ context }) => context.count + 1 }) } },
});

/** Machines that have nothing to do with each other, each counting up to `max`. Properties look at the first only. */
export function counters(count: number, max: number): Model {
  const names = Array.from({ length: count }, (_, at) => `counter${at}`);
  return {
    name: `${count} counters to ${max}`,
    machines: names.map((name) => ({
      name,
      machine: counter,
      input: max,
      ownMoves: () => [{ type: 'tick' }],
    })),
    route: () => null,
    properties: [
      {
        kind: 'invariant',
        name: 'at-most',
        title: 'The first counter counts no further than it should',
        reads: { machines: ['counter0'] },
        sometimes: 'the first counter is at its end',
        judge: (view) => {
          const { count } = view.snapshot('counter0').context;
          return { violation: count > max ? `it is at ${count}` : null, reached: count === max };
        },
      },
    ],
  };
}

export const counterCounts = (count: number, max: number) => ({
  states: (max + 1) ** count,
  transitions: count * max * (max + 1) ** (count - 1),
  depth: count * max,
});
