import { accessesIn, type PropertyResult, type StoryResult } from '@spapr-dma/system';
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

const paintedOutcome = ({ outcome, applies }: StoryResult, paint: Paint) => {
  if (outcome === 'unexpected') return { text: outcome, paint: paint.bad };
  if (!applies) return { text: 'not meant for these settings', paint: paint.warn };
  return { text: 'as expected', paint: paint.good };
};

/** What a chart does not show, and how to see it; nothing where it shows everything. */
export function leftOutText(result: StoryResult): string {
  const left = accessesIn(result);
  if (left === 0) return '';
  return `\nNot shown: ${counted(left, 'access', 'accesses')} between the machines of the host; --all shows them.\n`;
}

/** What became of one story, to stand below its chart. */
export function outcomeText(result: StoryResult, paint: Paint): string {
  const { properties, mistakes } = result;
  const { text, paint: painted } = paintedOutcome(result, paint);
  const told = mistakes.map((mistake) => `  ${excerpt(mistake, 500)}\n`);
  return `Properties: ${propertiesText(properties)}; ${painted(text)}.\n${told.join('')}`;
}

/** One line a story, and what was unexpected. */
export function storiesText(results: readonly StoryResult[], paint: Paint): string {
  const rows = results.map((result) => [
    result.name,
    result.preset,
    grouped(result.steps),
    grouped(result.messages.length),
    propertiesText(result.properties),
    paintedOutcome(result, paint),
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
  const others = results.filter(({ outcome, applies }) => outcome === 'as-expected' && !applies).length;
  const rest = others === 0 ? '' : `; ${grouped(others)} not meant for these settings`;
  const summary = `${counted(results.length, 'story', 'stories')}, ${verdict}${rest}.\n`;
  return `${table(columns, rows)}\n${summary}${mistakes.join('')}`;
}
