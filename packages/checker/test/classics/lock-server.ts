import { assign, emit, setup } from 'xstate';
import type { Model } from '../../src/model.ts';
import type { CheckedProperty, View } from '../../src/property.ts';

type Asked = { readonly type: 'lock' | 'unlock'; readonly from: string };
type Granted = { readonly type: 'granted'; readonly to: string };

/** Takes a request only while nobody holds the lock; until then it waits in its channel. */
const server = setup({
  types: {} as { context: { readonly holder: string | null }; events: Asked; emitted: Granted },
  actions: {
    give: assign({ holder: (_, { from }: { readonly from: string }) => from }),
    takeBack: assign({ holder: null }),
  },
}).createMachine({
  context: { holder: null },
  initial: 'free',
  states: {
    free: {
      on: {
        lock: {
          target: 'held',
          actions: [
            { type: 'give', params: ({ event }) => event },
            emit(({ event }) => ({ type: 'granted', to: event.from })),
          ],
        },
      },
    },
    held: { on: { unlock: { target: 'free', actions: 'takeBack' } } },
  },
});

const client = setup({
  types: {} as {
    context: { readonly name: string };
    input: string;
    events: Granted | { readonly type: 'want' } | { readonly type: 'leave' };
    emitted: Asked;
  },
}).createMachine({
  context: ({ input }) => ({ name: input }),
  initial: 'idle',
  states: {
    idle: {
      on: {
        want: { target: 'waiting', actions: emit(({ context }) => ({ type: 'lock', from: context.name })) },
      },
    },
    waiting: { on: { granted: 'critical' } },
    critical: {
      on: {
        leave: { target: 'idle', actions: emit(({ context }) => ({ type: 'unlock', from: context.name })) },
      },
    },
  },
});

const criticalIn = (view: View, clients: readonly string[]): readonly string[] =>
  clients.filter((name) => view.snapshot(name).value === 'critical');

const exclusive = (clients: readonly string[]): CheckedProperty => ({
  kind: 'invariant',
  name: 'exclusive',
  title: 'At most one client is in its critical section',
  reads: { machines: clients },
  sometimes: 'a client is in its critical section',
  judge: (view) => {
    const inside = criticalIn(view, clients);
    return {
      violation: inside.length > 1 ? `${inside.join(' and ')} are inside` : null,
      reached: inside.length > 0,
    };
  },
});

/** Violated as soon as there are two: the server may forget a client again and again, and is not unfair to its lane. */
const served = (name: string): CheckedProperty => ({
  kind: 'leads-to',
  name: `served-${name}`,
  title: `${name} enters its critical section once it waits`,
  reads: { machines: [name] },
  from: (view) => view.snapshot(name).value === 'waiting',
  to: (view) => view.snapshot(name).value === 'critical',
});

/** Clients that are equal but for their names, and a server that grants a lock to one of them at a time. */
export function lockServer(count: number): Model {
  const clients = Array.from({ length: count }, (_, at) => `client${at}`);
  return {
    name: `lock server, ${count} clients`,
    machines: [
      { name: 'server', machine: server },
      ...clients.map((name) => ({
        name,
        machine: client,
        input: name,
        ownMoves: () => [{ type: 'leave' }],
      })),
    ],
    route: (message) => ({
      to: message.type === 'granted' ? (message as Granted).to : 'server',
      lane: '',
    }),
    environment: {
      initial: null,
      sources: clients.map((to) => ({
        offers: () => [{ to, message: { type: 'want' }, next: null, label: 'a client wants the lock' }],
      })),
    },
    properties: [
      exclusive(clients),
      {
        kind: 'deadlock',
        name: 'no-wait',
        title: 'No client waits for ever',
        reads: { machines: clients },
        waits: (view) =>
          clients.some((name) => view.snapshot(name).value === 'waiting') ? 'a client waits' : null,
      },
      ...clients.map(served),
    ],
  };
}

/**
 * With the lock free each client is idle or has asked. With the lock held, its holder is one of four (not yet told,
 * inside, out again with the lock on its way back, and that with the next request behind it), and the others are as
 * before.
 */
export const lockServerCounts = (n: number) => ({
  states: 2 ** n * (1 + 2 * n),
  transitions: n * 2 ** (n - 1) * (2 * n + 5),
});

/** States that differ by more than the clients' names: how many have asked, and what the holder is at. */
export const lockServerOrbits = (n: number): number => 5 * n + 1;
