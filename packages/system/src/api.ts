import type { TraceEvent } from '@spapr-dma/protocol';
import type { Size } from './sizes.js';
import type { Story, StorySummary } from './story.js';
import type { StoryResult, StoryStep } from './story-result.js';

const notYet = (): never => {
  throw new Error('this part of the system is still being built');
};

export interface PresetSummary {
  readonly name: string;
  /** A version of QEMU such as `qemu-7.2`, and of the guest's kernel such as `linux-6.12`. */
  readonly qemu: string;
  readonly linux: string;
  /** Every setting by name. */
  readonly settings: Readonly<Record<string, string>>;
}

export interface SwitchSummary {
  readonly name: string;
  /** A switch is a defect that can be fixed; a feature is a difference between versions. */
  readonly kind: 'switch' | 'feature';
  readonly component: 'qemu-spapr' | 'guest-kernel';
  /** The unfixed, or older, value first. */
  readonly values: readonly string[];
  /** What it is about, in one line. */
  readonly text: string;
  /** Where that is written down, such as `B-31`. */
  readonly source: string;
}

export interface RunOptions {
  /** Default: the story's first preset. */
  readonly preset?: string;
  /** Settings that differ from the preset. */
  readonly set?: Readonly<Record<string, string>>;
  readonly size?: Size;
  readonly onStep?: (step: StoryStep) => void;
}

/** @throws StoryError for a file that is no story */
export function listStories(): readonly StorySummary[] {
  return notYet();
}
/** @throws StoryError for an unknown id or a file that is no story */
export function loadStory(_id: string): Story {
  return notYet();
}
/** @throws SettingsError for an unknown preset, setting or value */
export function runStory(_story: Story, _options?: RunOptions): StoryResult {
  return notYet();
}
export function chart(_result: StoryResult, _format: 'terminal' | 'mermaid' | 'plantuml'): string {
  return notYet();
}
export function listPresets(): readonly PresetSummary[] {
  return notYet();
}
export function listSwitches(): readonly SwitchSummary[] {
  return notYet();
}
/** `name=value` arguments as settings. @throws SettingsError */
export function parseSettings(_texts: readonly string[]): Readonly<Record<string, string>> {
  return notYet();
}
/** QEMU's log of a run: of the machine named, or of the one that the guest talks to in the end. */
export function traceOf(_result: StoryResult, _participant?: string): readonly TraceEvent[] {
  return notYet();
}
