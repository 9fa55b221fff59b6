import * as fs from 'node:fs';
import type { Choice, SystemState } from '../src/choices.ts';
import type { Counterexample } from '../src/counterexample/counterexample.ts';
import { machineHost, writeCounterexample } from '../src/counterexample/counterexample.ts';
import { type ExplainedStep, explainedStep } from '../src/counterexample/explain.ts';
import { settingsOf } from '../src/presets.ts';
import { SIZES, type Size } from '../src/sizes.ts';
import { runScript } from '../src/story/run-script.ts';
import { participantsOf } from '../src/story/setup.ts';
import { loadStory } from '../src/story/story-files.ts';

/** A story's path from its step `from` on as a counterexample to a property, and the steps in words. */
export function counterexampleOf(
  id: string,
  from: number,
  property: Counterexample['property'],
  { preset = 'newest', size = 'minimal' as Size } = {},
): {
  readonly counterexample: Counterexample;
  readonly steps: readonly ExplainedStep[];
  readonly text: string;
} {
  const story = loadStory(id);
  const file = new URL(`../../../stories/${id}.story.json`, import.meta.url);
  const { machine } = JSON.parse(fs.readFileSync(file, 'utf8')) as { readonly machine: unknown };
  const settings = settingsOf(preset, story.set);
  const host = machineHost(machine, { file: id, path: '' });
  const participants = participantsOf(host.machine, settings, size);
  const played = (steps: typeof story.script) => {
    const choices: Choice[] = [];
    const told: ExplainedStep[] = [];
    runScript(
      { ...story, script: steps },
      participants,
      settings,
      SIZES[size],
      (moved, before: SystemState) => {
        choices.push(moved.choice);
        told.push(explainedStep(moved, before, told.length + 1));
      },
    );
    return { choices, told };
  };
  const skipped = played(story.script.slice(0, from)).choices.length;
  const all = played(story.script);
  const steps = all.told.slice(skipped).map((step, index) => ({ ...step, n: index + 1 }));
  const counterexample: Counterexample = {
    model: id,
    title: story.title,
    preset,
    settings,
    size,
    host,
    setup: all.choices.slice(0, skipped),
    property,
    loopAfter: null,
    choices: all.choices.slice(skipped),
  };
  return { counterexample, steps, text: writeCounterexample(counterexample, steps) };
}
