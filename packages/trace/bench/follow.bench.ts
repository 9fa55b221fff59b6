/**
 * How fast logs are followed, in lines a second of wall time, the best of several rounds; beside it the
 * plain way, which takes every line as if anything could be pending.
 */
import './engine.js';
import { performance } from 'node:perf_hooks';
import { followLog } from '../src/index.js';
import { callsOnly, inChunks, recorded, recordedNames } from './logs.js';

const ROUNDS = 20;
const CALL_LINES = 200_000;

async function rate(logs: readonly Buffer[], plain: boolean, rounds: number): Promise<number> {
  let best = 0;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    let lines = 0;
    for (const log of logs) {
      const report = await followLog(inChunks(log), { plain });
      if (!report.accepted)
        throw new Error(`not accepted: ${JSON.stringify(report.divergence ?? report.error)}`);
      lines += report.lines;
    }
    best = Math.max(best, lines / ((performance.now() - start) / 1000));
  }
  return best;
}

const figure = (linesASecond: number): string => Math.round(linesASecond).toLocaleString('en').padStart(12);
const row = async (name: string, logs: readonly Buffer[], rounds = ROUNDS): Promise<void> => {
  const lines = logs.reduce((sum, log) => sum + log.toString('latin1').split('\n').length - 1, 0);
  const fast = await rate(logs, false, rounds);
  const plain = await rate(logs, true, Math.ceil(rounds / 3));
  console.log(`${name.padEnd(34)}${figure(lines)}${figure(fast)}${figure(plain)}`);
};

console.log(`${'log'.padEnd(34)}${'lines'.padStart(12)}${'lines/s'.padStart(12)}${'plain way'.padStart(12)}`);
await row('recorded logs as a whole', recordedNames().map(recorded));
await row('calls only', [callsOnly(CALL_LINES)], 10);
for (const name of recordedNames()) await row(`  ${name.replace('.log.gz', '')}`, [recorded(name)], 12);
