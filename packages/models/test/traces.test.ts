import { breadthFirst } from '@spapr-dma/checker';
import { type Choice, keyOf, LiveSystem, step } from '@spapr-dma/system';
import { expect, test } from 'vitest';
import { type BuiltModel, choicesOfTrace } from '../src/index.ts';
import { HOST, modelFrom } from './full-machine.ts';

const put = (vcpu: number, tce: string) => ({
  do: 'H_PUT_TCE',
  vcpu,
  liobn: '0x80000000',
  ioba: '0x0',
  tce,
});

/** Two vCPUs write one entry: one of them puts its page into the hardware, and the other into the view. */
const race = (): BuiltModel =>
  modelFrom(
    {
      machine: {
        guest: false,
        vcpus: 2,
        kvm: true,
        host: HOST,
        phbs: [{ index: 0, dmaWinSize: '0x4000' }],
        devices: [{ id: 'nvme', phb: 0, devfn: 8, host: '0001:01:00.0', group: 0 }],
      },
      setup: [{ do: 'system_reset' }],
      processes: [
        { name: 'vcpu0', steps: [put(0, '0x50003')] },
        { name: 'vcpu1', steps: [put(1, '0x60003')] },
      ],
    },
    { properties: ['S-4'], verdict: 'violated', violated: ['S-4'] },
  );

const shortestOf = ({ model }: BuiltModel) => {
  const [violation] = breadthFirst(model).violations;
  if (violation === undefined) throw new Error('nothing is violated');
  return violation.trace;
};

test('the choices of a path lead both drivers through the messages and to the states of the path', () => {
  const built = race();
  const { participants, start, setup } = built;
  const trace = shortestOf(built);
  const live = new LiveSystem(participants);
  for (const choice of setup) live.deliver(choice);
  expect(keyOf(participants, live.state)).toBe(keyOf(participants, start));
  let state = start;
  for (const [at, choice] of choicesOfTrace(trace).entries()) {
    const moved = step(participants, state, choice);
    const alive = live.deliver(choice);
    const { message, sent } = trace.steps[at]!;
    expect(moved.delivered?.message).toEqual(message);
    expect(moved.sent.map((each) => each.message)).toEqual(sent.map((each) => each.message));
    expect(keyOf(participants, alive.state)).toBe(keyOf(participants, moved.state));
    state = moved.state;
  }
  live.stop();
});

test('a path has the environment’s offers, deliveries and threads that move by themselves', () => {
  const kinds = (choices: readonly Choice[]) => [...new Set(choices.map(({ kind }) => kind))].sort();
  expect(kinds(choicesOfTrace(shortestOf(race())))).toEqual(['deliver', 'offer']);
  const leaves = modelFrom(
    {
      machine: { guest: false, kvm: true, host: HOST, phbs: [{ index: 0, dmaWinSize: '0x4000' }] },
      setup: [{ do: 'system_reset' }],
      processes: [{ name: 'monitor', steps: [{ do: 'quit' }] }],
    },
    { properties: ['L-7'] },
  );
  const own = { from: 'kvm', to: 'kvm', lane: null, offer: null, sent: [] };
  const message = leaves.model.machines.find(({ name }) => name === 'guest-kernel' || name === 'kvm')!
    .ownMoves!({ rcu: { callbacks: [1] } })[0]!;
  const trace = { steps: [{ n: 1, ...own, message }], loopAfter: null };
  expect(kinds(choicesOfTrace(trace))).toEqual(['step']);
});
