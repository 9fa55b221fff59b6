import { schemaOf } from './fields.js';
import { STORY_FIELDS, WHEN } from './read-story.js';
import { CONDITION } from './story.js';
import { VERBS } from './verbs.js';

/** What every step of a script may have beside the fields of its verb. */
const stepNames = (verb: string): Readonly<Record<string, object>> => ({
  do: { const: verb },
  when: WHEN.schema,
  only: CONDITION.schema,
  note: { type: 'string' },
});

/** Every step that a script can have: `#/$defs/step` of a schema. */
export const scriptStepSchema = (): object => ({
  anyOf: Object.entries(VERBS).map(([name, { fields }]) => schemaOf(fields, stepNames(name))),
});

/** The JSON schema of a story's file, for editors; made from what `readStory` reads. */
export const storySchema = (): object => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'A story of spapr-dma',
  ...schemaOf(STORY_FIELDS),
  $defs: {
    step: scriptStepSchema(),
  },
});
