import { InputError, runVectors, type VectorsReport } from '@spapr-dma/trace';
import { type Answer, type Status, unusable } from '../answer.js';
import type { Host } from '../host.js';
import { inputOf } from '../inputs.js';
import { notReplayed } from './not-replayed.js';
import type { VectorsCall } from './vectors-call.js';
import { vectorsText } from './vectors-text.js';

/** The part of the calls that may be beyond the specification before its agreement means nothing. */
const unmodelledShareMax = 0.02;

function statusOf({ error, mismatches, compared, vectors: all }: VectorsReport): Status {
  if (error !== null) return 2;
  return mismatches > 0 || all - compared > unmodelledShareMax * all ? 1 : 0;
}

/** `spapr-dma vectors FILE`: recorded calls, replayed and compared. */
export async function vectors({ file }: VectorsCall, host: Host): Promise<Answer> {
  try {
    const report = await runVectors(inputOf(file, host), { onProgress: host.progress.lines });
    return { status: statusOf(report), document: report, text: () => vectorsText(file, report, host.paint) };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return unusable(notReplayed({ line: error.line, text: error.message }));
  }
}
