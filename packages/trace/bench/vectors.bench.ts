/** How fast recorded calls are replayed, in calls a second of wall time, reading and comparing included. */
import './engine.js';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { gunzipSync } from 'node:zlib';
import { runVectors } from '../src/index.js';
import { inChunks } from './logs.js';

const ROUNDS = 30;
const file = new URL('../../../vectors/qemu-7.2/qemu-7.2-random-1.jsonl.gz', import.meta.url);
const vectors = gunzipSync(readFileSync(file));

let best = 0;
let calls = 0;
for (let round = 0; round < ROUNDS; round++) {
  const start = performance.now();
  const report = await runVectors(inChunks(vectors));
  if (report.mismatches > 0 || report.error !== null)
    throw new Error(JSON.stringify(report.first ?? report.error));
  calls = report.vectors;
  best = Math.max(best, calls / ((performance.now() - start) / 1000));
}
console.log(`${calls.toLocaleString('en')} calls, ${Math.round(best).toLocaleString('en')} a second`);
