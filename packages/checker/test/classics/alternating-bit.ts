import { assign, emit, setup } from 'xstate';
import { ENVIRONMENT, type Message, type Model, type Offer } from '../../src/model.ts';

type Data = { readonly type: 'data'; readonly bit: number; readonly item: number };
type Ack = { readonly type: 'ack'; readonly bit: number };
type Accepted = { readonly type: 'accepted'; readonly item: number };

/** Sends an item again and again until its bit comes back. */
const sender = setup({
  types: {} as {
    context: { readonly item: number; readonly items: number };
    input: number;
    events: Ack | { readonly type: 'send' };
    emitted: Data;
  },
  guards: {
    isOld: ({ context, event }) => event.type === 'ack' && event.bit !== context.item % 2,
    isLast: ({ context }) => context.item === context.items - 1,
  },
  actions: { advance: assign({ item: ({ context }) => context.item + 1 }) },
}).createMachine({
  context: ({ input }) => ({ item: 0, items: input }),
  initial: 'sending',
  states: {
    sending: {
      on: {
        send: { actions: emit(({ context: { item } }) => ({ type: 'data', bit: item % 2, item })) },
        ack: [
          { guard: 'isOld', target: 'sending' },
          { guard: 'isLast', target: 'sentAll', actions: 'advance' },
          { actions: 'advance' },
        ],
      },
    },
    sentAll: {},
  },
});

/** Accepts an item whose bit it expects, and answers any with its bit. */
const receiver = setup({
  types: {} as {
    context: { readonly expected: number; readonly isCareless: boolean };
    input: boolean;
    events: Data;
    emitted: Ack | Accepted;
  },
  guards: { isExpected: ({ context, event }) => context.isCareless || event.bit === context.expected },
  actions: { flip: assign({ expected: ({ context }) => 1 - context.expected }) },
}).createMachine({
  context: ({ input }) => ({ expected: 0, isCareless: input }),
  on: {
    data: [
      {
        guard: 'isExpected',
        actions: [
          emit(({ event }) => ({ type: 'accepted', item: event.item })),
          'flip',
          emit(({ event }) => ({ type: 'ack', bit: event.bit })),
        ],
      },
      { actions: emit(({ event }) => ({ type: 'ack', bit: event.bit })) },
    ],
  },
});

interface Network {
  readonly data: readonly Message[];
  readonly acks: readonly Message[];
}

/** Delivers any message of a queue; those before it are lost. */
const deliveries = (
  to: string,
  queue: readonly Message[],
  rest: (left: readonly Message[]) => Network,
): readonly Offer<Network>[] =>
  queue.map((message, lost) => ({ to, message, next: rest(queue.slice(lost + 1)), label: { lost } }));

/**
 * The alternating-bit protocol: items in order over a network that keeps the order of each direction, and loses what
 * it likes: a message that finds `capacity` messages before it, and any that another one overtakes. With `isCareless`
 * the receiver does not look at the bit.
 */
export function alternatingBit(items: number, capacity: number, { isCareless = false } = {}): Model {
  const add = (queue: readonly Message[], message: Message): readonly Message[] =>
    queue.length < capacity ? [...queue, message] : queue;
  return {
    name: `alternating bit, ${items} items over ${capacity}${isCareless ? ', careless' : ''}`,
    machines: [
      { name: 'sender', machine: sender, input: items, ownMoves: () => [{ type: 'send' }] },
      { name: 'receiver', machine: receiver, input: isCareless },
    ],
    route: (message) => (message.type === 'accepted' ? null : { to: ENVIRONMENT, lane: message.type }),
    environment: {
      initial: { data: [], acks: [] },
      hears: ({ data, acks }: Network, message) =>
        message.type === 'data' ? { data: add(data, message), acks } : { data, acks: add(acks, message) },
      sources: [
        {
          offers: ({ data, acks }: Network) => [
            ...deliveries('receiver', data, (left) => ({ data: left, acks })),
            ...deliveries('sender', acks, (left) => ({ data, acks: left })),
          ],
        },
      ],
    },
    properties: [
      {
        kind: 'observer',
        name: 'in-order',
        title: 'Each item is accepted once, in order',
        reads: { machines: [] },
        sometimes: 'an item is accepted',
        initial: 0,
        remembers: true,
        observe: (accepted: number, { sent }) => {
          const accept = sent.find(({ message }) => message.type === 'accepted');
          if (accept === undefined) return { violation: null, reached: false, memory: accepted };
          const { item } = accept.message as Accepted;
          const violation = item === accepted ? null : `item ${item} is accepted after ${accepted} items`;
          return { violation, reached: true, memory: Math.min(accepted + 1, items) };
        },
        atRest: (accepted: number) => (accepted === items ? null : `${accepted} of ${items} were accepted`),
      },
      {
        kind: 'sometimes',
        name: 'sends-all',
        title: 'All items are sent and acknowledged',
        reads: { machines: ['sender'] },
        holds: (view) => view.snapshot('sender').value === 'sentAll',
      },
    ],
  };
}

/** Sent twice, delivered twice: the second delivery is accepted too. */
export const CARELESS_STEPS = 4;
