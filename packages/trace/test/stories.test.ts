import { loadStories, runStory, traceOf } from '@spapr-dma/system';
import { expect, test } from 'vitest';
import { followLog, formatLine } from '../src/index.js';

async function* inOneChunk(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

/** In this one QEMU ends before its first reset, and a machine up to pseries-3.1 has written nothing by then. */
const SILENT = 'vfio-boot-refused';
const stories = loadStories();

test('a QEMU that does not come to its first reset logs nothing', () => {
  const silent = stories.filter((story) => traceOf(runStory(story)).length === 0);
  expect(silent.map(({ id }) => id)).toEqual([SILENT]);
});

const telling = stories.filter(({ id }) => id !== SILENT);
test.each(telling.map((story) => [story.id, story] as const))(
  'what QEMU logs in the story %s is followed to its last line',
  async (_id, story) => {
    const lines = traceOf(runStory(story)).map(formatLine);
    expect(lines.length).toBeGreaterThan(0);
    const report = await followLog(inOneChunk(`${lines.join('\n')}\n`));
    expect(report.error).toBeNull();
    expect(report.divergence).toBeNull();
    expect(report.accepted).toBe(true);
    expect(report.lines).toBe(lines.length);
  },
);
