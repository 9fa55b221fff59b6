/** One thread, two and three on models of millions of states, and a checkpoint of the larger one. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { remember } from '../src/answers.ts';
import { BreadthFirst } from '../src/breadth-first.ts';
import { readCheckpoint } from '../src/checkpoint/read-checkpoint.ts';
import { writeCheckpoint } from '../src/checkpoint/write-checkpoint.ts';
import type { Model } from '../src/model.ts';
import { nearestFirst } from '../src/nearest-first.ts';
import { counterCounts, counters, philosophers } from '../test/classics/index.ts';

const RUNS = 3;

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(2)} s`;

/** The fastest of some runs: others may use the machine too. */
function compared(model: Model, states: number | null): void {
  console.log(`\n${model.name}`);
  for (const workers of [1, 2, 3]) {
    const runs = Array.from({ length: RUNS }, () => {
      const before = process.cpuUsage();
      const result = nearestFirst(model, { workers });
      const { user, system } = process.cpuUsage(before);
      return { ...result, processor: (user + system) / 1000 };
    });
    const [best] = runs.sort((a, b) => a.seconds - b.seconds);
    if (states !== null && best!.states !== states) throw new Error(`${best!.states} states, not ${states}`);
    const rate = (best!.transitions / best!.seconds / 1e6).toFixed(2);
    console.log(
      `  ${workers} threads: ${best!.states} states, ${best!.transitions} steps, ${seconds(best!.seconds * 1000)}, ` +
        `${rate} M steps/s, ${seconds(best!.processor)} of processor, ${best!.bytesPerState.toFixed(0)} bytes/state`,
    );
  }
}

function checkpointed(model: Model): void {
  const folder = mkdtempSync(join(tmpdir(), 'checkpoint-'));
  const file = join(folder, 'file');
  const search = new BreadthFirst(remember(model), {});
  while (!search.advance());
  const begun = performance.now();
  writeCheckpoint(search, file);
  const written = performance.now();
  readCheckpoint(new BreadthFirst(remember(model), {}), file);
  const read = performance.now();
  console.log(
    `  a checkpoint: ${(statSync(file).size / 1e6).toFixed(0)} MB, written in ${seconds(written - begun)}, ` +
      `read in ${seconds(read - written)}`,
  );
  rmSync(folder, { recursive: true });
}

console.log(`${cpus().length} cores, ${loadavg()[0]!.toFixed(1)} processes at work on them before`);
compared(counters(7, 7), counterCounts(7, 7).states);
checkpointed(counters(7, 7));
compared(philosophers(8), null);
// More than 2^24 states.
compared(counters(2, 4100), counterCounts(2, 4100).states);
