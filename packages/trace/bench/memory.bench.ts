/**
 * Memory while a log of a gigabyte is followed: a recorded log whose section from one machine reset to the
 * next is repeated. It is flat where the last figure is not above the second.
 */
import './engine.js';
import { performance } from 'node:perf_hooks';
import { followLog } from '../src/index.js';
import { repeated } from './logs.js';

const BYTES = 1e9;
const SAMPLES = 10;

async function* sampled(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let given = 0;
  let next = 0;
  for await (const chunk of input) {
    if (given >= next) {
      globalThis.gc?.();
      const { heapUsed, rss } = process.memoryUsage();
      const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1).padStart(8);
      console.log(
        `${(given / 1e6).toFixed(0).padStart(8)} MB read${mebibytes(heapUsed)} MiB heap${mebibytes(rss)} MiB resident`,
      );
      next += BYTES / SAMPLES;
    }
    given += chunk.length;
    yield chunk;
  }
}

const start = performance.now();
const report = await followLog(sampled(repeated('05-system_reset.log.gz', BYTES)));
const seconds = (performance.now() - start) / 1000;
if (!report.accepted) throw new Error(JSON.stringify(report.divergence ?? report.error));
console.log(
  `${report.lines.toLocaleString('en')} lines in ${seconds.toFixed(0)} s, ${Math.round(report.lines / seconds).toLocaleString('en')} a second; ${report.windows.length.toLocaleString('en')} windows listed, ${report.windowsOmitted.count.toLocaleString('en')} summed`,
);
