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

/** One line a story, and what was unexpected. */
export function storiesText(results: readonly StoryResult[], paint: Paint): string {
  const rows = results.map(({ name, preset, steps, messages, properties, outcome }) => [
    name,
    preset,
    grouped(steps),
    grouped(messages.length),
    propertiesText(properties),
    { text: outcome.replace('-', ' '), paint: outcome === 'as-expected' ? paint.good : paint.bad },
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
  const summary =
    unexpected.length === 0
      ? `${counted(results.length, 'story', 'stories')}, all as expected.\n`
      : `${counted(results.length, 'story', 'stories')}, ${unexpected.length} unexpected:\n${mistakes.join('')}`;
  return `${table(columns, rows)}\n${summary}`;
}
