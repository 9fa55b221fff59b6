import { parentPort, workerData } from 'node:worker_threads';
import { CheckpointError } from '@spapr-dma/checker';
import { ModelsError } from '@spapr-dma/models';
import { SettingsError } from '@spapr-dma/system';
import { explore } from './explore.js';
import type { Task, Told } from './thread-talk.js';

const { request, stop } = workerData as Task;
const tell = (told: Told): void => parentPort!.postMessage(told);

try {
  const found = explore(request, {
    onProgress: (progress) => tell({ kind: 'progress', progress }),
    isStopped: () => Atomics.load(stop, 0) === 1,
  });
  tell({ kind: 'found', found });
} catch (error) {
  // The checker raises a RangeError for what does not go together, or is too large.
  const isTheirs = [ModelsError, SettingsError, CheckpointError, RangeError].some(
    (kind) => error instanceof kind,
  );
  if (!isTheirs) throw error;
  tell({ kind: 'refused', text: (error as Error).message });
}
