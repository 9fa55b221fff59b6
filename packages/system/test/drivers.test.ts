import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalText } from '../src/canonical-text.ts';
import type { Choice, Moved } from '../src/choices.ts';
import { LiveSystem } from '../src/live-driver.ts';
import { type Participant, stateValueOf } from '../src/participants.ts';
import { settingsOf } from '../src/presets.ts';
import { initialState, keyOf, step } from '../src/pure-driver.ts';
import { participantsOf } from '../src/story/setup.ts';
import { machine, nth } from './any-environment.ts';
import { calls, lonelyQemu } from './systems.ts';

/** What one step did, as text: where each machine stands, what it knows, and every message. */
const record = (participants: readonly Participant[], { state, delivered, sent, choice }: Moved) => ({
  choice: canonicalText(choice),
  values: participants.map(({ name }) => stateValueOf(state.snapshots[name]!)),
  key: keyOf(participants, state),
  messages: canonicalText({ delivered, sent }),
});

describe.each(['newest', 'repaired', '2019'])('in preset %s', (preset) => {
  test('the same choices lead both drivers through the same states with the same messages', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { minLength: 20, maxLength: 60 }), (numbers) => {
        const participants = participantsOf(machine, settingsOf(preset), 'minimal');
        const live = new LiveSystem(participants);
        let state = initialState(participants);
        expect(keyOf(participants, live.state)).toBe(keyOf(participants, state));
        // The first choices bring the machine up; the rest is left to chance.
        for (const number of numbers) {
          const choice = nth(participants, state, number);
          if (choice === undefined) break;
          const pure = step(participants, state, choice);
          const alive = live.deliver(choice);
          expect(record(participants, alive)).toEqual(record(participants, pure));
          state = pure.state;
        }
        live.stop();
      }),
      { numRuns: 40, verbose: 1 },
    );
  });
});

test('random choices get somewhere: the guest boots and probes in some of the runs', () => {
  const seen = new Set<string>();
  const samples = fc.sample(fc.array(fc.nat(1000), { minLength: 60, maxLength: 60 }), {
    numRuns: 40,
    seed: 1,
  });
  for (const numbers of samples) {
    const participants = participantsOf(machine, settingsOf('newest'), 'minimal');
    let state = initialState(participants);
    for (const number of numbers) {
      const choice = nth(participants, state, number);
      if (choice === undefined) break;
      const moved = step(participants, state, choice);
      for (const { message } of moved.sent) seen.add(message.type);
      state = moved.state;
    }
  }
  expect([...seen]).toEqual(expect.arrayContaining(['booted', 'probed', 'hcall-return', 'rtas-return']));
});

describe('the live system', () => {
  test('tells listeners of a message by name, once, after its receiver has taken it', () => {
    const live = new LiveSystem(lonelyQemu());
    const heard: string[] = [];
    live.bus.on('H_PUT_TCE', (message, { to }) => heard.push(`${message.type} to ${to}`));
    live.bus.on('hcall-return', ({ type }) => heard.push(type));
    live.deliver(calls.reset);
    live.deliver(calls.put(0n, 0x1003n));
    expect(heard).toEqual(['H_PUT_TCE to qemu-spapr', 'hcall-return']);
    live.stop();
  });

  test('gives listeners copies: what they do to one changes nothing', () => {
    const participants = lonelyQemu();
    const live = new LiveSystem(participants);
    live.bus.on('hcall-return', (message) => {
      (message as unknown as { tce: bigint }).tce = 1n;
    });
    live.deliver(calls.reset);
    live.deliver(calls.put(0n, 0x1003n));
    const { sent } = live.deliver(calls.get(0n));
    expect(sent.find(({ message }) => message.type === 'hcall-return')?.message).toMatchObject({
      tce: 0x1003n,
    });
    live.stop();
  });

  test('stops hearing when told so', () => {
    const live = new LiveSystem(lonelyQemu());
    const heard: string[] = [];
    const stop = live.bus.on('*', ({ type }) => heard.push(type));
    live.deliver(calls.reset);
    stop();
    live.deliver(calls.put(0n, 3n));
    expect(heard[0]).toBe('system_reset');
    expect(heard).not.toContain('H_PUT_TCE');
    live.stop();
  });

  test('stops the run with the message that made a machine fail, as the pure one does', () => {
    const participants = lonelyQemu();
    const live = new LiveSystem(participants);
    live.deliver(calls.reset);
    const { state } = live;
    const put = calls.put(0n, 3n) as Extract<Choice, { kind: 'offer' }>;
    const broken = { ...put, message: { ...put.message, ioba: 'nowhere' } } as Choice;
    expect(() => step(participants, state, broken)).toThrow('qemu-spapr on H_PUT_TCE: TypeError');
    expect(() => live.deliver(broken)).toThrow('qemu-spapr on H_PUT_TCE: TypeError');
    live.stop();
  });
});
