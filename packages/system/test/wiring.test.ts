import { RCU_THREAD as KVM_RCU_THREAD } from '@spapr-dma/kvm';
import { threadId } from '@spapr-dma/protocol';
import { MAIN_THREAD, RCU_THREAD as QEMU_RCU_THREAD } from '@spapr-dma/qemu-spapr';
import { REGION_RCU_THREAD } from '@spapr-dma/vfio-host';
import { describe, expect, test } from 'vitest';
import { enqueued, foremost, redirected, waitingIn, without } from '../src/channels.ts';
import { choicesOf } from '../src/choices.ts';
import { exitsDue } from '../src/exits.ts';
import type { AnyMessage } from '../src/participants.ts';
import { settingsOf } from '../src/presets.ts';
import { initialState, keyOf, step } from '../src/pure-driver.ts';
import { participantsOf } from '../src/story/setup.ts';
import { hostSteps, NVME } from './host-systems.ts';
import { calls, lonelyQemu, play, QEMU, storyOf } from './systems.ts';

const message = (type: string): AnyMessage => ({ type, from: 'guest-kernel', to: 'qemu-spapr' });
const routed = (from: string, to: string, type: string) => ({ from, to, message: message(type) });

describe('channels', () => {
  const channels = enqueued(
    [],
    [
      routed('a', 'b', 'first'),
      routed('c', 'b', 'other'),
      routed('a', 'b', 'second'),
      routed('a', 'environment', 'report'),
    ],
  );

  test('messages between one pair stay in order; other pairs do not matter to them', () => {
    expect(waitingIn(channels, 'a', 'b').map(({ type }) => type)).toEqual(['first', 'second']);
    const [first] = waitingIn(channels, 'a', 'b');
    expect(waitingIn(without(channels, 'a', 'b', first!), 'a', 'b').map(({ type }) => type)).toEqual([
      'second',
    ]);
  });

  test('what a machine runs by itself has a thread of its own, which no other machine speaks on', () => {
    const own = [KVM_RCU_THREAD, QEMU_RCU_THREAD, REGION_RCU_THREAD, MAIN_THREAD];
    expect(new Set(own).size).toBe(own.length);
  });

  test('messages of different threads do not wait behind one another', () => {
    const of = (thread: string, type: string) => {
      const each = routed('kvm', 'qemu', type);
      return { ...each, message: { ...each.message, thread: threadId(thread) } };
    };
    const [channel] = enqueued([], [of('vcpu0', 'first'), of('vcpu0', 'second'), of('main', 'third')]);
    expect(foremost(channel!).map(({ type }) => type)).toEqual(['first', 'third']);
  });

  test('what is for the environment does not wait', () => {
    expect(waitingIn(channels, 'a', 'environment')).toEqual([]);
  });

  test('empty channels leave no trace, so equal contents are equal', () => {
    const emptied = waitingIn(channels, 'a', 'b').reduce(
      (left, each) => without(left, 'a', 'b', each),
      channels,
    );
    expect(emptied).toEqual(enqueued([], [routed('c', 'b', 'other')]));
  });

  test('what waited for one waits for another, in order', () => {
    const moved = redirected(channels, 'b', 'z');
    expect(waitingIn(moved, 'a', 'b')).toEqual([]);
    expect(waitingIn(moved, 'a', 'z').map(({ type }) => type)).toEqual(['first', 'second']);
  });
});

describe('choices', () => {
  const participants = lonelyQemu();

  test('a message is no choice where its receiver does not take it', () => {
    const put = calls.put(0n, 3n);
    const offers = put.kind === 'offer' ? [put] : [];
    const unborn = initialState(participants);
    expect(choicesOf(participants, unborn, offers)).toEqual([]);
    const running = step(participants, unborn, calls.reset).state;
    expect(choicesOf(participants, running, offers)).toEqual([put]);
  });

  test('a create that somebody listens to moves on by a step of its vCPU', () => {
    const [, , created] = play(participants, [calls.reset, calls.listen, calls.create(16, 20)]);
    expect(choicesOf(participants, created!.moved.state)).toEqual([calls.finishCreate]);
  });

  test('messages without a thread wait behind one another only, and a choice without a thread means them first', () => {
    const running = step(participants, initialState(participants), calls.reset).state;
    const get = calls.get(0n);
    const stop = { type: 'stop', from: 'environment', to: 'qemu-spapr' } as AnyMessage;
    const threaded = get.kind === 'offer' ? get.message : stop;
    const sent = [threaded, stop, stop].map((each) => ({ from: 'a', to: QEMU, message: each }));
    const waiting = { ...running, channels: enqueued([], sent) };
    const deliver = { kind: 'deliver', from: 'a', to: QEMU } as const;
    expect(choicesOf(participants, waiting)).toEqual([{ ...deliver, thread: threaded.thread }, deliver]);
    expect(step(participants, waiting, deliver).delivered?.message).toBe(stop);
    const alone = { ...running, channels: enqueued([], sent.slice(0, 1)) };
    expect(step(participants, alone, deliver).delivered?.message).toBe(threaded);
  });

  test('a choice that is not there is refused', () => {
    const deliver = { kind: 'deliver', from: 'guest-kernel', to: QEMU } as const;
    expect(() => step(participants, initialState(participants), deliver)).toThrow(RangeError);
  });

  test('a message that nobody expects stops the run, and is named', () => {
    const { machine } = storyOf({ machine: { guest: true } });
    const guest = participantsOf(machine, settingsOf('newest'), 'minimal');
    const stray = { type: 'nonsense', from: 'environment', to: 'guest-kernel' } as AnyMessage;
    expect(() =>
      step(guest, initialState(guest), { kind: 'offer', to: 'guest-kernel', message: stray }),
    ).toThrow('guest-kernel on nonsense');
  });
});

test('states that were reached on different ways and are equal have one key', () => {
  const participants = lonelyQemu();
  const put = play(participants, [calls.reset, calls.put(0n, 0x1003n), calls.put(0n, 0n)]);
  const plain = play(participants, [calls.reset]);
  const other = play(participants, [calls.reset, calls.put(0n, 0x1003n)]);
  const key = (steps: ReturnType<typeof play>) => keyOf(participants, steps.at(-1)!.moved.state);
  expect(key(put)).toBe(key(plain));
  expect(key(other)).not.toBe(key(plain));
});

test('states with different messages in flight, or different routes, have different keys', () => {
  const participants = lonelyQemu();
  const state = initialState(participants);
  const inFlight = { ...state, channels: enqueued([], [routed('a', QEMU, 'H_GET_TCE')]) };
  const rerouted = { ...state, routes: { 'qemu-spapr': 'qemu-destination' } };
  const keys = [state, inFlight, rerouted].map((each) => keyOf(participants, each));
  expect(new Set(keys).size).toBe(3);
});

test('a component is answered for by another participant from a reroute on, and what waited goes there', () => {
  const { machine } = storyOf({ machine: { guest: false, destination: true } });
  const participants = participantsOf(machine, settingsOf('newest'), 'minimal');
  const state = {
    ...initialState(participants),
    channels: enqueued([], [routed('guest-kernel', QEMU, 'H_GET_TCE')]),
  };
  const choice = { kind: 'reroute', component: 'qemu-spapr', to: 'qemu-destination' } as const;
  const { state: next } = step(participants, state, choice);
  expect(next.routes).toEqual({ 'qemu-spapr': 'qemu-destination' });
  expect(waitingIn(next.channels, 'guest-kernel', 'qemu-destination')).toHaveLength(1);
});

test('a step leaves the state before it as it was', () => {
  const participants = lonelyQemu();
  const [reset, put] = play(participants, [calls.reset, calls.put(0n, 0x1003n)]);
  expect(keyOf(participants, put!.before)).toBe(keyOf(participants, reset!.moved.state));
});

describe('the end of QEMU', () => {
  const steps = hostSteps([{ do: 'system_reset' }, { do: 'quit' }], { devices: [NVME], guest: false });
  const arrived = steps.flatMap(({ moved: { delivered } }) =>
    delivered !== null && (delivered.message.type === 'exit' || delivered.message.type === 'quit')
      ? [`${delivered.message.type} ${delivered.to}`]
      : [],
  );

  test('is followed by that of its files, those of KVM first', () => {
    expect(arrived).toEqual(['quit qemu-spapr', 'exit kvm', 'exit vfio-host']);
  });

  test('leaves nothing to be done, and before it there is nothing to be done', () => {
    expect(steps.findIndex(({ moved }) => exitsDue(moved.state).length > 0)).toBe(
      steps.findIndex(({ moved }) => moved.delivered?.message.type === 'quit'),
    );
    expect(exitsDue(steps.at(-1)!.moved.state)).toEqual([]);
  });
});
