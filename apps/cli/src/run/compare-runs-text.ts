import type { ComparedRun } from '@spapr-dma/system';
import type { Paint } from '../text/paint.js';
import { type Cell, table } from '../text/table.js';
import { counted } from '../text/words.js';
import type { Comparison } from './compare-document.js';

/** What becomes of a story, in a few words. */
function runText({ violated, aborted, applies }: ComparedRun): string {
  const holds = violated.length === 0 ? 'all hold' : `not ${violated.join(', ')}`;
  const ends = aborted === null ? holds : `${holds}; QEMU aborts`;
  return applies ? ends : `(${ends})`;
}

/** The stories in which the values differ, a row each, and how many there are in which they do not. */
export function runsText({ switch: name, values, runs }: Comparison, paint: Paint): string {
  const stories = [...new Set(runs.map(({ story }) => story))];
  const rows = stories.map((story): { readonly texts: readonly string[]; readonly row: readonly Cell[] } => {
    const own = runs.filter((run) => run.story === story);
    const texts = values.map((value) => {
      const run = own.find((each) => each.value === value);
      return run === undefined ? '' : runText(run);
    });
    const cells = texts.map((text): Cell => (text === 'all hold' ? text : { text, paint: paint.warn }));
    return { texts, row: [story, own[0]?.preset ?? '', ...cells] };
  });
  const differing = rows.filter(({ texts }) => texts.some((text) => text !== texts[0]));
  const same = rows.length - differing.length;
  const columns = [{ title: 'story' }, { title: 'preset' }, ...values.map((title) => ({ title }))];
  const shown =
    differing.length === 0
      ? ''
      : `${table(
          columns,
          differing.map(({ row }) => row),
        )}\n`;
  const summary =
    differing.length === 0
      ? `${name} makes no difference to what holds in ${counted(same, 'story', 'stories')}.\n`
      : `${counted(same, 'story', 'stories')} more in which ${name} makes no difference to what holds.\n`;
  const bracketed = differing.some(({ texts }) => texts.some((text) => text.startsWith('(')));
  return `${shown}${summary}${bracketed ? 'In brackets: a story that is not meant for that value.\n' : ''}`;
}
