import { type Choice, choicesOf, type Offer, type SystemState } from '../src/choices.ts';
import { exitsDue } from '../src/exits.ts';
import type { Participant } from '../src/participants.ts';
import { settingsOf } from '../src/presets.ts';
import { SIZES } from '../src/sizes.ts';
import type { ScriptContext } from '../src/story/verb.ts';
import { choiceOf, readAction } from '../src/story/verbs.ts';
import { NVME, SECOND } from './host-systems.ts';
import { storyOf } from './systems.ts';

const LIOBN = '0x80000000';

/** Calls of a vCPU on entries of its own: two that write one entry at a time may expect anything. */
const callsOf = (vcpu: number, first: bigint) => {
  const at = (entry: bigint): string => `0x${((first + entry) << 12n).toString(16)}`;
  return [
    { do: 'H_PUT_TCE', vcpu, liobn: LIOBN, ioba: at(0n), tce: '0x50003' },
    { do: 'H_PUT_TCE', vcpu, liobn: LIOBN, ioba: at(0n), tce: '0x61001' },
    { do: 'H_PUT_TCE', vcpu, liobn: LIOBN, ioba: at(1n), tce: '0x0' },
    { do: 'H_PUT_TCE_INDIRECT', vcpu, liobn: LIOBN, ioba: at(0n), tces: ['0x52003', '0x53003'] },
    { do: 'H_STUFF_TCE', vcpu, liobn: LIOBN, ioba: at(0n), tceValue: '0x0', npages: '0x2' },
    { do: 'H_GET_TCE', vcpu, liobn: LIOBN, ioba: at(0n) },
  ];
};

/** What the environment of a small machine with passed-through devices may do at any moment. */
const ACTIONS = [
  { do: 'system_reset' },
  ...callsOf(0, 0n),
  ...callsOf(1, 4n),
  { do: 'ibm,create-pe-dma-window', vcpu: 0, phb: 0, pageShift: 12, windowShift: 14 },
  { do: 'ibm,remove-pe-dma-window', vcpu: 0, liobn: '0x80000001' },
  { do: 'device_add-vfio', ...NVME },
  { do: 'device_add-vfio', ...SECOND },
  { do: 'device_del-pci', id: NVME.id },
  { do: 'device_del-pci', id: SECOND.id },
  { do: 'host-device-dma', device: NVME.host, address: '0x1000', bytes: 64, access: 'write' },
  { do: 'device_add-memory', gpa: '0x4000000', bytes: '0x1000000' },
  { do: 'quit' },
].map((action) => readAction(action, { file: 'a test', path: '' }));

export const { machine } = storyOf({
  machine: {
    guest: false,
    vcpus: 2,
    kvm: true,
    host: {
      pageShift: 12,
      phbs: [
        { phb: 1, devices: [{ device: NVME.host }] },
        { phb: 2, devices: [{ device: SECOND.host }] },
      ],
    },
    phbs: [{ index: 0, dmaWinSize: '0x10000' }],
  },
});

/** The environment's messages; QEMU ends at the end only. */
export function offersIn(state: SystemState, last: boolean): readonly Offer[] {
  const context: ScriptContext = {
    state,
    settings: settingsOf('newest'),
    sizes: SIZES.minimal,
    machine,
    mappings: {},
    stream: null,
  };
  const wanted = ACTIONS.filter(({ verb }) => (verb === 'quit') === last);
  const offers = wanted.flatMap((action): readonly Offer[] => {
    const choice = choiceOf(action, context);
    return choice.kind === 'offer' ? [choice] : [];
  });
  return last ? [...offers, ...exitsDue(state)] : offers;
}

/** Takes the `at`-th of the choices there are; what is under way mostly goes on first. */
export function nth(
  participants: readonly Participant[],
  state: SystemState,
  at: number,
): Choice | undefined {
  const own = choicesOf(participants, state);
  const all = own.length > 0 && at % 4 > 0 ? own : choicesOf(participants, state, offersIn(state, false));
  return all[at % all.length];
}
