import { loadStories, runStory, traceOf } from '@spapr-dma/system';
import { expect, test } from 'vitest';
import { followLog, formatLine } from '../src/index.js';

async function* inOneChunk(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

/** Stories whose log does not begin with the machine, or is that of two machines. */
const stories = loadStories();

test.each(stories.map((story) => [story.id, story] as const))(
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
