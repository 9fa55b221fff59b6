import { type Choice, choicesOf, type Offer, type SystemState } from '../src/choices.ts';
import type { Participant } from '../src/participants.ts';
import { settingsOf } from '../src/presets.ts';
import { SIZES } from '../src/sizes.ts';
import type { ScriptContext } from '../src/story/verb.ts';
import { choiceOf, readAction } from '../src/story/verbs.ts';
import { storyOf } from './systems.ts';

/** What the environment of a small machine may do at any moment, as a story would write it. */
const ACTIONS = [
  { do: 'system_reset' },
  { do: 'machine-reset' },
  { do: 'power-on', vcpu: 0 },
  { do: 'power-on', vcpu: 1, disableDdw: true },
  { do: 'probe', vcpu: 0, device: 'nic', dmaMask: '0xffffffffffffffff' },
  { do: 'probe', vcpu: 1, device: 'disk', dmaMask: '0xffffffffffffffff' },
  { do: 'dma_map', vcpu: 0, device: 'nic', gpa: '0x1000', bytes: '0x2000' },
  { do: 'dma_map', vcpu: 1, device: 'disk', gpa: '0x4000', bytes: '0x1000' },
  { do: 'unbind', vcpu: 0, device: 'nic' },
  { do: 'kexec', vcpu: 0 },
  { do: 'kexec', vcpu: 1, kdump: true },
  { do: 'device_add-pci', id: 'late', phb: 0, devfn: 24 },
  { do: 'device_del-pci', id: 'disk' },
  { do: 'dlpar-remove-device', vcpu: 1, device: 'disk' },
  { do: 'register-iommu-notifier', phb: 0 },
  { do: 'unregister-iommu-notifier', phb: 0 },
  { do: 'device-dma', device: 'nic', ioba: '0x1000', bytes: 64, access: 'write' },
  { do: 'stop' },
  { do: 'cont' },
].map((action) => readAction(action, { file: 'a test', path: '' }));

export const { machine } = storyOf({
  machine: {
    guest: true,
    vcpus: 2,
    devices: [
      { id: 'nic', phb: 0, devfn: 8 },
      { id: 'disk', phb: 0, devfn: 16 },
    ],
  },
});

/** The environment's messages, where they have a meaning. */
function offersIn(state: SystemState): readonly Offer[] {
  const context: ScriptContext = {
    state,
    settings: settingsOf('newest'),
    sizes: SIZES.minimal,
    machine,
    mappings: {},
    stream: null,
  };
  return ACTIONS.flatMap((action) => {
    try {
      const choice = choiceOf(action, context);
      return choice.kind === 'offer' ? [choice] : [];
    } catch {
      return [];
    }
  });
}

/** Takes the `at`-th of the choices there are; the environment's come last, and are many. */
export function nth(
  participants: readonly Participant[],
  state: SystemState,
  at: number,
): Choice | undefined {
  const own = choicesOf(participants, state);
  const all = own.length > 0 && at % 3 > 0 ? own : choicesOf(participants, state, offersIn(state));
  return all[at % all.length];
}
