import type { ComparedRun, ReplayCell, UnitCost } from '@spapr-dma/system';
import type { Fault } from '../answer.js';
import type { CompareCall } from './compare-call.js';
import type { RunCall } from './run-call.js';

/** What was put side by side: figures of windows, or what holds in stories. */
export interface Comparison {
  readonly switch: string;
  readonly values: readonly string[];
  /** Null where each story takes the preset it is written for. */
  readonly preset: string | null;
  /** The machine of the windows; null where stories were played. */
  readonly machine: {
    /** Guest memory, bytes. */
    readonly ram: number;
    readonly pageShift: number;
    readonly stallSeconds: number;
    readonly unitCosts: readonly UnitCost[];
  } | null;
  readonly cells: readonly ReplayCell[];
  readonly runs: readonly ComparedRun[];
}

/** The comparison of a call that cannot be carried out. */
export const notCompared = ({ preset }: Pick<RunCall, 'preset'>, { name }: CompareCall): Comparison => ({
  switch: name,
  values: [],
  preset,
  machine: null,
  cells: [],
  runs: [],
});

/** The comparison as `--json` tells it, as far as it has come; with a fault where it has not come to its end. */
export const compareDocument = (comparison: Comparison, error: Fault | null) => ({ ...comparison, error });
