import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { followLog } from '../src/index.ts';
import { linesOf } from './support/follow.ts';
import { Simpletrace } from './support/simpletrace.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes that are alive, in the heap and beside it. */
function bytesUsed(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const CHUNK_BYTES = 1 << 18;

test('memory is flat in the length of a binary log', async () => {
  const lines = linesOf('05-system_reset');
  const [reset, next] = [3763, 5929];
  expect(lines[reset]).toContain('spapr_iommu_new_table liobn=0x80000000');
  expect(lines[next]).toContain('spapr_iommu_new_table liobn=0x80000000');
  const to = new Simpletrace();
  const first = to.log(lines.slice(0, next));
  const section = Buffer.concat(lines.slice(reset, next).map((line) => to.line(line)));
  const times = 600;
  const used: number[] = [];
  /** Chunks that end anywhere in a record, as a file's do. */
  async function* repeated() {
    let left = first;
    for (let time = 0; time < times; time++) {
      if (time % (times / 4) === 0) used.push(bytesUsed());
      left = Buffer.concat([left, section]);
      for (; left.length >= CHUNK_BYTES; left = left.subarray(CHUNK_BYTES))
        yield Buffer.from(left.subarray(0, CHUNK_BYTES));
    }
    yield left;
    used.push(bytesUsed());
  }
  const report = await followLog(repeated());
  expect(report).toMatchObject({ accepted: true, lines: next + times * (next - reset) });
  expect((used.at(-1) as number) - (used[1] as number)).toBeLessThan(4e6);
}, 300_000);
