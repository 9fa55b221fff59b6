import { assign, emit, setup } from 'xstate';
import type { Model } from '../../src/model.ts';

type Token = { readonly type: 'token'; readonly at: number; readonly hops: bigint };

/** Hands the token on, until it has come far enough. */
const station = setup({
  types: {} as {
    context: { readonly hopsMax: bigint };
    input: bigint;
    events: Token;
    emitted: Token;
  },
  guards: { isLast: ({ context, event }) => event.hops === context.hopsMax },
}).createMachine({
  context: ({ input }) => ({ hopsMax: input }),
  on: {
    token: [
      { guard: 'isLast', actions: assign({}) },
      { actions: emit(({ event: { at, hops } }) => ({ type: 'token', at: at + 1, hops: hops + 1n })) },
    ],
  },
});

/**
 * A token that is on its way at the start, is handed on from station to station, and is gone after `hops` of them.
 * Where nothing is left to do the environment sends another one, `more` times.
 */
export function tokenRing(count: number, hops: number, more: number): Model {
  const stations = Array.from({ length: count }, (_, at) => `station${at}`);
  const name = (at: number): string => stations[at % count]!;
  return {
    name: `token ring, ${count} stations, ${hops} hops`,
    machines: stations.map((name) => ({ name, machine: station, input: BigInt(hops) })),
    route: (message) => ({ to: name((message as Token).at), lane: 'ring' }),
    inFlight: [
      {
        from: name(count - 1),
        to: name(0),
        lane: 'ring',
        message: { type: 'token', at: 0, hops: 0n } as Token,
      },
    ],
    environment: {
      initial: more,
      sources: [
        {
          offers: (left: number) =>
            left === 0
              ? []
              : [
                  {
                    to: name(0),
                    message: { type: 'token', at: 0, hops: 0n } as Token,
                    next: left - 1,
                    whenIdle: true,
                    label: 'another token',
                  },
                ],
        },
      ],
    },
    properties: [
      {
        kind: 'invariant',
        name: 'one-token',
        title: 'No station has two tokens on their way to it',
        reads: { machines: [], inboxes: stations },
        sometimes: 'a token is on its way',
        judge: (view) => {
          const tokens = stations.reduce((sum, each) => sum + view.inbox(each).length, 0);
          return { violation: tokens > 1 ? `there are ${tokens} tokens` : null, reached: tokens === 1 };
        },
      },
      {
        kind: 'sometimes',
        name: 'far',
        title: 'The token comes as far as it may',
        reads: { machines: [], inboxes: stations },
        holds: (view) =>
          stations.some((each) =>
            view.inbox(each).some(({ message }) => (message as Token).hops === BigInt(hops)),
          ),
      },
    ],
  };
}

/** One path: a token is on its way with 0 to `hops` hops behind it, and then gone; an offer makes its first hop. */
export const tokenRingCounts = (hops: number, more: number) => ({
  states: hops + 2 + more * (hops + 1),
  transitions: hops + 1 + more * (hops + 1),
  depth: hops + 1 + more * (hops + 1),
});
