// Checks two machines that have nothing to do with DMA windows: a network device and its driver. The device sends an
// interrupt for a packet where interrupts are on, and turns them off by that. The driver takes packets until there are
// none, turns interrupts on, and sleeps. Is there an order of events in which it sleeps for good beside a packet?
import { search } from '@spapr-dma/checker';
import { assign, emit, setup } from 'xstate';

const deviceMachine = setup({
  guards: {
    isSpent: ({ context }) => context.toCome === 0,
    isOn: ({ context }) => context.interrupts,
    isEmpty: ({ context }) => context.ring === 0,
  },
  actions: {
    store: assign({
      toCome: ({ context }) => context.toCome - 1,
      ring: ({ context }) => context.ring + 1,
    }),
    take: assign({ ring: ({ context }) => context.ring - 1 }),
    turnOn: assign({ interrupts: true }),
    turnOff: assign({ interrupts: false }),
    answer: emit({ type: 'packet' }),
    answerEmpty: emit({ type: 'empty' }),
    interrupt: emit({ type: 'interrupt' }),
  },
}).createMachine({
  context: { toCome: 2, ring: 0, interrupts: true },
  on: {
    // A packet comes by itself, at any moment. Without target and actions nothing is taken.
    arrive: [
      { guard: 'isSpent' },
      { guard: 'isOn', actions: ['store', 'interrupt', 'turnOff'] },
      { actions: 'store' },
    ],
    poll: [{ guard: 'isEmpty', actions: 'answerEmpty' }, { actions: ['take', 'answer'] }],
    enable: { actions: 'turnOn' },
  },
});

/** Of the two drivers one looks again after it has turned interrupts on. */
function driverMachine(looksAgain) {
  const actions = { poll: emit({ type: 'poll' }), enable: emit({ type: 'enable' }) };
  const sleeps = { target: 'asleep', actions: 'enable' };
  const looks = { target: 'looking', actions: ['enable', 'poll'] };
  return setup({ actions }).createMachine({
    initial: 'asleep',
    states: {
      asleep: { on: { interrupt: { target: 'polling', actions: 'poll' } } },
      polling: { on: { packet: { actions: 'poll' }, empty: looksAgain ? looks : sleeps } },
      looking: { on: { packet: { target: 'polling', actions: 'poll' }, empty: 'asleep' } },
    },
  });
}

const nothingIsLeft = {
  kind: 'deadlock',
  name: 'nothing is left',
  title: 'Where nobody can move, no packet waits.',
  reads: { machines: ['device'] },
  waits: (view) => {
    const { ring } = view.snapshot('device').context;
    return ring === 0 ? null : `the driver sleeps, and packets wait: ${ring}`;
  },
};

for (const looksAgain of [false, true]) {
  const { verdict, states, transitions, violations } = search({
    name: 'a driver that sleeps',
    machines: [
      { name: 'driver', machine: driverMachine(looksAgain) },
      { name: 'device', machine: deviceMachine, ownMoves: () => [{ type: 'arrive' }] },
    ],
    route: ({ type }, sender) => ({
      to: sender === 'driver' ? 'device' : 'driver',
      // Interrupts overtake what else travels; accesses to the device keep their order.
      lane: type === 'interrupt' ? 'interrupts' : 'bus',
    }),
    properties: [nothingIsLeft],
  });
  const driver = looksAgain ? 'A driver that looks again' : 'A driver that sleeps at once';
  console.log(`${driver}: ${verdict}, ${states} states, ${transitions} transitions`);
  for (const { text, trace } of violations) {
    for (const { n, from, to, message } of trace.steps)
      console.log(`  ${n} ${from} → ${to}: ${message.type}`);
    console.log(`  ${text}`);
  }
}
