import { ioba, threadId } from '@spapr-dma/protocol';
import { buidOf } from '@spapr-dma/qemu-spapr';
import type { Choice, Moved, SystemState } from '../src/choices.ts';
import type { AnyMessage, Participant } from '../src/participants.ts';
import { settingsOf } from '../src/presets.ts';
import { initialState, step } from '../src/pure-driver.ts';
import type { Settings } from '../src/settings.ts';
import { readStory } from '../src/story/read-story.ts';
import { participantsOf } from '../src/story/setup.ts';
import type { Story } from '../src/story/story.ts';

export const QEMU = 'qemu-spapr';
const thread = threadId('vcpu0');
const fromGuest = { from: 'guest-kernel', to: 'qemu-spapr', thread } as const;

/** A story written in a test. */
export const storyOf = (fields: Readonly<Record<string, unknown>>): Story =>
  readStory(
    JSON.stringify({
      id: 'test',
      title: 'A test',
      shows: 'Nothing.',
      presets: ['newest'],
      script: [{ do: 'system_reset' }],
      holds: [],
      ...fields,
    }),
    'test.story.json',
  );

/** A QEMU without a guest: the test plays the guest. */
export const lonelyQemu = (preset = 'newest', changes: Settings = {}): readonly Participant[] =>
  participantsOf(
    storyOf({ machine: { guest: false, devices: [{ id: 'nic', phb: 0, devfn: 8 }] } }).machine,
    settingsOf(preset, changes),
    'minimal',
  );

export const offer = (message: Readonly<Record<string, unknown>>): Choice => ({
  kind: 'offer',
  to: QEMU,
  message: message as unknown as AnyMessage,
});

/** Calls of a guest and commands of a monitor, short. */
export const calls = {
  reset: offer({ type: 'system_reset', from: 'environment', to: 'qemu-spapr' }),
  put: (at: bigint, tce: bigint, liobn = 0x80000000n) =>
    offer({ ...fromGuest, type: 'H_PUT_TCE', liobn, ioba: ioba(at), tce }),
  get: (at: bigint, liobn = 0x80000000n) => offer({ ...fromGuest, type: 'H_GET_TCE', liobn, ioba: ioba(at) }),
  stuff: (at: bigint, tceValue: bigint, npages: bigint, liobn = 0x80000000n) =>
    offer({ ...fromGuest, type: 'H_STUFF_TCE', liobn, ioba: ioba(at), tceValue, npages }),
  create: (pageShift: number, windowShift: number) =>
    offer({
      ...fromGuest,
      type: 'ibm,create-pe-dma-window',
      args: [0, Number(buidOf(0) >> 32n), Number(buidOf(0) & 0xffffffffn), pageShift, windowShift],
      nret: 4,
    }),
  remove: (liobn: number) =>
    offer({ ...fromGuest, type: 'ibm,remove-pe-dma-window', args: [liobn], nret: 1 }),
  listen: offer({ type: 'register-iommu-notifier', from: 'environment', to: 'qemu-spapr', phb: 0 }),
  finishCreate: { kind: 'step', to: QEMU, thread } as Choice,
} as const;

/** A step with the state before it. */
export interface Stepped {
  readonly before: SystemState;
  readonly moved: Moved;
}

/** Plays choices one after the other. */
export function play(participants: readonly Participant[], choices: readonly Choice[]): readonly Stepped[] {
  let state = initialState(participants);
  return choices.map((choice) => {
    const before = state;
    const moved = step(participants, state, choice);
    state = moved.state;
    return { before, moved };
  });
}

/** The state with another context in one machine. */
export function doctored<Context>(
  state: SystemState,
  name: string,
  change: (context: Context) => Context,
): SystemState {
  const snapshot = state.snapshots[name]!;
  const context = change(snapshot.context as Context);
  return { ...state, snapshots: { ...state.snapshots, [name]: { ...snapshot, context } as typeof snapshot } };
}
