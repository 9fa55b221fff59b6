import { Worker } from 'node:worker_threads';
import type { Progress } from '@spapr-dma/checker';
import { CallError } from '../call-error.js';
import type { Host } from '../host.js';
import type { Found, Request } from './explore.js';
import type { Told } from './thread-talk.js';

/**
 * Searches a model in a thread of its own, so that a key that is pressed meanwhile is noticed: then the search stops
 * where it is.
 * @throws CallError for a call that is unusable
 */
export async function search(
  request: Request,
  { interrupted }: Host,
  onProgress: (progress: Progress) => void,
): Promise<Found> {
  const stop = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const interrupt = (): void => {
    Atomics.store(stop, 0, 1);
  };
  if (interrupted.aborted) interrupt();
  interrupted.addEventListener('abort', interrupt, { once: true });
  const thread = new Worker(new URL('./search-thread.js', import.meta.url), {
    workerData: { request, stop },
  });
  try {
    return await new Promise<Found>((resolve, reject) => {
      thread.on('message', (told: Told) => {
        if (told.kind === 'progress') onProgress(told.progress);
        else if (told.kind === 'found') resolve(told.found);
        else reject(new CallError(told.text, 'check'));
      });
      thread.on('error', reject);
      thread.on('exit', () => reject(new Error('the search ended without an answer')));
    });
  } finally {
    interrupted.removeEventListener('abort', interrupt);
    await thread.terminate();
  }
}
