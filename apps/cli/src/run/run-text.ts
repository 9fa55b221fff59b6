import type { PropertyResult, StoryResult } from '@spapr-dma/system';
import type { Paint } from '../text/paint.js';
import { table } from '../text/table.js';
import { counted, excerpt, grouped } from '../text/words.js';

/** What became of the properties, in a few words. */
export function propertiesText(properties: readonly PropertyResult[]): string {
  const held = properties.filter(({ holds }) => holds).length;
  const broken = properties.filter(({ holds }) => !holds).map(({ name }) => name);
  if (broken.length === 0) return `${held} hold`;
  return `${held} hold, not ${broken.join(', ')}`;
}

const paintedOutcome = (outcome: StoryResult['outcome'], paint: Paint) => ({
  text: outcome.replace('-', ' '),
  paint: outcome === 'as-expected' ? paint.good : paint.bad,
});

/** What became of one story, to stand below its chart. */
export function outcomeText({ properties, outcome, mistakes }: StoryResult, paint: Paint): string {
  const { text, paint: painted } = paintedOutcome(outcome, paint);
  const told = mistakes.map((mistake) => `  ${excerpt(mistake, 500)}\n`);
  return `Properties: ${propertiesText(properties)}; ${painted(text)}.\n${told.join('')}`;
}

/** One line a story, and what was unexpected. */
export function storiesText(results: readonly StoryResult[], omitted: number, paint: Paint): string {
  const rows = results.map(({ name, preset, steps, messages, properties, outcome }) => [
    name,
    preset,
    grouped(steps),
    grouped(messages.length),
    propertiesText(properties),
    paintedOutcome(outcome, paint),
  ]);
  const columns = [
    { title: 'story' },
    { title: 'preset' },
    { title: 'steps', align: 'right' },
    { title: 'messages', align: 'right' },
    { title: 'properties' },
    { title: 'outcome' },
  ] as const;
  const unexpected = results.filter(({ outcome }) => outcome === 'unexpected');
  const mistakes = unexpected.flatMap(({ name, mistakes: told }) =>
    told.map((mistake) => `${name}: ${excerpt(mistake, 500)}\n`),
  );
  const verdict = unexpected.length === 0 ? 'all as expected' : paint.bad(`${unexpected.length} unexpected`);
  const rest = omitted === 0 ? '' : `; ${grouped(omitted)} more say nothing about this preset`;
  const summary = `${counted(results.length, 'story', 'stories')}, ${verdict}${rest}.\n`;
  return `${table(columns, rows)}\n${summary}${mistakes.join('')}`;
}
