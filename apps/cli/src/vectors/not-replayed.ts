import type { VectorsReport } from '@spapr-dma/trace';
import type { Fault } from '../answer.js';

/** The report on a file of which nothing was replayed. */
export const notReplayed = (error: Fault): VectorsReport => ({
  format: '',
  vectors: 0,
  compared: 0,
  mismatches: 0,
  first: null,
  unmodelled: [],
  error,
});
