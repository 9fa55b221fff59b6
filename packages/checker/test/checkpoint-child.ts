import { argv, stdout } from 'node:process';
import { nearestFirst } from '../src/nearest-first.ts';
import { counters } from './classics/index.ts';
import { outcomeOf } from './outcome.ts';

/*
 * A search in a process of its own, which somebody else ends: `checkpoint-child.ts FILE THREADS [resume]`.
 * It writes a checkpoint about ten times a second, and at its end says what it came to.
 */
const [, , file, workers, resume] = argv as [string, string, string, string, string?];
const result = nearestFirst(counters(6, 9), {
  checkpoint: { file, everySeconds: 0 },
  workers: Number(workers),
  ...(resume === undefined ? {} : { resume: file }),
});
stdout.write(JSON.stringify(outcomeOf(result)));
