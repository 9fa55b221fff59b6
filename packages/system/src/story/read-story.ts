import { StoryError } from '../errors.js';
import { presetNamed } from '../presets.js';
import { withSettings } from '../settings.js';
import {
  at,
  count,
  type Field,
  listOf,
  mapOf,
  mistake,
  objectOf,
  oneOf,
  optional,
  type Place,
  readFields,
  text,
} from './fields.js';
import {
  CONDITION,
  EXPECTATION_FIELDS,
  MACHINE_FIELDS,
  type ScriptStep,
  type Story,
  type When,
} from './story.js';
import { readAction } from './verbs.js';

/** When a step is taken: with nobody else able to move, as soon as possible, or after a message. */
export const WHEN: Field<When> = {
  read: (value, place) => {
    if (value === undefined || value === 'quiescent') return { kind: 'quiescent' };
    if (value === 'possible') return { kind: 'possible' };
    const { seen, times } = readFields({ seen: text, times: optional(count, 1) }, value, place);
    return { kind: 'seen', type: seen, times };
  },
  schema: {
    anyOf: [{ enum: ['quiescent', 'possible'] }, objectOf({ seen: text, times: optional(count, 1) }).schema],
  },
  optional: true,
};

/** A step of a script; in a schema it refers to `scriptStepSchema` under that name. */
export const SCRIPT_STEP: Field<ScriptStep> = {
  read: (value, place) => ({
    action: readAction(value, place),
    when: WHEN.read((value as { when?: unknown }).when, at(place, 'when')),
    only: CONDITION.read((value as { only?: unknown }).only, at(place, 'only')),
  }),
  schema: { $ref: '#/$defs/step' },
};

/** The fields of a story's file. */
export const STORY_FIELDS = {
  $schema: optional(text, null),
  id: text,
  title: text,
  shows: text,
  presets: listOf(text),
  size: optional(oneOf('power9', 'minimal'), 'power9' as const),
  needs: CONDITION,
  set: optional(mapOf(text), {} as Readonly<Record<string, string>>),
  machine: optional(objectOf(MACHINE_FIELDS), readFields(MACHINE_FIELDS, {}, { file: '', path: '' })),
  script: listOf(SCRIPT_STEP),
  holds: listOf(objectOf(EXPECTATION_FIELDS)),
} as const;

/** A file's JSON. @throws StoryError that names the line where there is none */
export function parsedJson(source: string, file: string): unknown {
  try {
    return JSON.parse(source);
  } catch (error) {
    const { message } = error as Error;
    const position = /position (\d+)/.exec(message)?.[1];
    const line = position === undefined ? null : source.slice(0, Number(position)).split('\n').length;
    throw new StoryError(`${file}${line === null ? '' : `: line ${line}`}: ${message}`);
  }
}

/** A story that names presets or settings that do not exist cannot run. */
function checkNames(story: Story, place: Place): void {
  if (story.presets.length === 0) mistake(at(place, 'presets'), 'must name at least one');
  if (story.script.length === 0) mistake(at(place, 'script'), 'must have at least one step');
  const check = (where: Place, ask: () => unknown): void => {
    try {
      ask();
    } catch (error) {
      mistake(where, (error as Error).message);
    }
  };
  story.presets.forEach((name, index) => {
    check(at(at(place, 'presets'), index), () => presetNamed(name));
  });
  check(at(place, 'set'), () => withSettings({}, story.set));
  const conditions = [
    [at(place, 'needs'), story.needs] as const,
    ...story.holds.map(({ when }, index) => [at(at(place, 'holds'), index), when] as const),
    ...story.script.map(({ only }, index) => [at(at(place, 'script'), index), only] as const),
  ];
  for (const [where, condition] of conditions) {
    for (const [name, values] of Object.entries(condition)) {
      for (const value of values) check(where, () => withSettings({}, { [name]: value }));
    }
  }
}

/**
 * A story from its text.
 * @throws StoryError that names the file, the place, and what was expected there
 */
export function readStory(source: string, file: string): Story {
  const place = { file, path: '' };
  const { $schema: _, ...fields } = readFields(STORY_FIELDS, parsedJson(source, file), place);
  const story: Story = { ...fields, file };
  checkNames(story, place);
  return story;
}
