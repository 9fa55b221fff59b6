import { settingsOf } from '../src/presets.ts';
import type { Settings } from '../src/settings.ts';
import { SIZES, type Size } from '../src/sizes.ts';
import { runScript } from '../src/story/run-script.ts';
import { participantsOf } from '../src/story/setup.ts';
import { doctored, type Stepped, storyOf } from './systems.ts';

type Fields = Readonly<Record<string, unknown>>;

export const NVME = { id: 'nvme', phb: 0, devfn: 8, host: '0001:01:00.0', group: 0 } as const;
export const SECOND = { id: 'second', phb: 0, devfn: 16, host: '0002:01:00.0', group: 1 } as const;

/** A small machine in KVM on a host with two functions, each a group of its own. */
const MACHINE: Fields = {
  kvm: true,
  host: {
    pageShift: 12,
    phbs: [
      { phb: 1, devices: [{ device: NVME.host }] },
      { phb: 2, devices: [{ device: SECOND.host }] },
    ],
  },
  phbs: [{ index: 0, dmaWinSize: '0x10000' }],
};

/** An emulated function boots, and its driver maps two pages at 0x1000. */
export const BOOT: readonly Fields[] = [
  { do: 'system_reset' },
  { do: 'power-on' },
  { do: 'probe', device: 'emulated', dmaMask: '0xffffffff' },
  { do: 'dma_map', device: 'emulated', gpa: '0x50000', bytes: '0x2000', as: 'buffer' },
];
export const EMULATED = { id: 'emulated', phb: 0, devfn: 24 } as const;

/** Every step of a script that is played on the machine. */
export function hostSteps(
  script: readonly Fields[],
  machine: Fields = {},
  preset = 'repaired',
  changes: Settings = {},
  size: Size = 'minimal',
): readonly Stepped[] {
  const story = storyOf({ machine: { ...MACHINE, ...machine }, script });
  const settings = settingsOf(preset, changes);
  const steps: Stepped[] = [];
  const participants = participantsOf(story.machine, settings, size);
  const { mistakes } = runScript(story, participants, settings, SIZES[size], (moved, before) => {
    steps.push({ before, moved });
  });
  if (mistakes.length > 0) throw new Error(mistakes.join(' '));
  return steps;
}

/** The steps with another context in one machine after step `at` and those behind it; −1 is the last. */
export const changedFrom = <Context>(
  steps: readonly Stepped[],
  at: number,
  name: string,
  change: (context: Context) => Context,
): readonly Stepped[] => {
  const from = at < 0 ? steps.length + at : at;
  return steps.map(({ before, moved }, index) => ({
    before: index > from ? doctored(before, name, change) : before,
    moved: index >= from ? { ...moved, state: doctored(moved.state, name, change) } : moved,
  }));
};
