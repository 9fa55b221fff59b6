import { SettingsError } from '../errors.js';
import { listSwitches, type Settings } from '../settings.js';
import { runStory } from '../story/run-story.js';
import type { Story } from '../story/story.js';
import { valuesOfSetting } from './compare-replay.js';

/** What one value makes of a story. */
export interface ComparedRun {
  readonly story: string;
  readonly value: string;
  readonly preset: string;
  /** Whether the story makes sense with this value. */
  readonly applies: boolean;
  /** Properties that do not hold, by name. */
  readonly violated: readonly string[];
  /** The assertion that ended QEMU; null where it lives. */
  readonly aborted: string | null;
  readonly steps: number;
  /** Modelled time. */
  readonly nanoseconds: number;
}

/** The values that are put side by side. @throws SettingsError for a name that is no setting, with all that are */
export function comparedValues(name: string): readonly string[] {
  const values = valuesOfSetting(name);
  if (values.length > 0) return values;
  const names = listSwitches().map((setting) => setting.name);
  throw new SettingsError(`There is no switch '${name}' to compare; there are: ${names.join(', ')}.`);
}

/**
 * Each story with each value of a setting, and what holds then.
 * @throws SettingsError for an unknown preset, setting or value
 */
export function* comparedRuns(
  name: string,
  stories: readonly Story[],
  { preset, set }: { readonly preset: string | null; readonly set: Settings },
): Generator<ComparedRun, void, undefined> {
  for (const story of stories) {
    for (const value of valuesOfSetting(name)) {
      const result = runStory(story, {
        ...(preset === null ? {} : { preset }),
        set: { ...set, [name]: value },
      });
      yield {
        story: story.id,
        value,
        preset: result.preset,
        applies: result.applies,
        violated: result.properties.filter(({ holds }) => !holds).map((property) => property.name),
        aborted: result.aborted,
        steps: result.steps,
        nanoseconds: result.time,
      };
    }
  }
}
