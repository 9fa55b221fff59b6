import { describe, expect, test } from 'vitest';
import type { SystemState } from '../src/choices.ts';
import type { Participant } from '../src/participants.ts';
import { settingsOf } from '../src/presets.ts';
import { initialState, step } from '../src/pure-driver.ts';
import { receiverFor, routesTo } from '../src/routes.ts';
import { runStory } from '../src/story/run-story.ts';
import { participantsOf } from '../src/story/setup.ts';
import { loadStory } from '../src/story/story-files.ts';
import { storyOf } from './systems.ts';

const machine = (more: object) =>
  participantsOf(storyOf({ machine: { guest: true, ...more } }).machine, settingsOf('newest'), 'minimal');
const names = (participants: readonly Participant[]) => participants.map(({ name }) => name);
const inKvm = machine({ kvm: true, destination: true });
const { routes } = initialState(inKvm);

describe('two machines in KVM', () => {
  test('each QEMU has kernels of its own below it', () => {
    expect(names(inKvm)).toEqual([
      'guest-kernel',
      'kvm',
      'qemu-spapr',
      'vfio-host',
      'powernv-ioda2',
      'kvm-destination',
      'qemu-destination',
      'vfio-host-destination',
      'powernv-ioda2-destination',
    ]);
  });

  test.each`
    sender                | to              | receiver
    ${'qemu-destination'} | ${'kvm'}        | ${'kvm-destination'}
    ${'kvm-destination'}  | ${'vfio-host'}  | ${'vfio-host-destination'}
    ${'kvm-destination'}  | ${'qemu-spapr'} | ${'qemu-destination'}
    ${'qemu-spapr'}       | ${'kvm'}        | ${'kvm'}
    ${'guest-kernel'}     | ${'kvm'}        | ${'kvm'}
    ${'environment'}      | ${'qemu-spapr'} | ${'qemu-spapr'}
  `('what $sender sends to $to, $receiver gets', ({ sender, to, receiver }) => {
    const message = { type: 'x', from: 'environment', to } as const;
    expect(receiverFor(inKvm, routes, sender, message)).toBe(receiver);
  });

  test('a handover moves the guest to all that run on the other host', () => {
    const moved: SystemState = step(inKvm, initialState(inKvm), {
      kind: 'reroute',
      component: 'qemu-spapr',
      to: 'qemu-destination',
    }).state;
    expect(moved.routes).toEqual({
      'guest-kernel': 'guest-kernel',
      kvm: 'kvm-destination',
      'qemu-spapr': 'qemu-destination',
      'vfio-host': 'vfio-host-destination',
      'powernv-ioda2': 'powernv-ioda2-destination',
    });
  });

  test('what is in the views of each KVM is what its windows have', () => {
    const { windows } = runStory(loadStory('migration-in-kvm'), { preset: 'newest' });
    expect(windows.map(({ participant, mapped }) => [participant, mapped])).toEqual([
      ['qemu-spapr', 0],
      ['qemu-spapr', 8],
      ['qemu-destination', 1],
      ['qemu-destination', 8],
    ]);
  });
});

test('without kernels below them two QEMUs are beside one another, and only QEMU is handed over', () => {
  const bare = machine({ destination: true });
  expect(names(bare)).toEqual(['guest-kernel', 'qemu-spapr', 'qemu-destination']);
  expect(routesTo(bare, 'qemu-spapr', 'qemu-destination')).toEqual({ 'qemu-spapr': 'qemu-destination' });
});
