import { breadthFirst, type Progress, type SearchResult } from '@spapr-dma/checker';
import { choicesOfTrace, type ModelEntry, type ModelOptions, modelOf } from '@spapr-dma/models';
import type { Choice, Settings, Size } from '@spapr-dma/system';
import type { SearchCall } from './check-call.js';

/** A model to search, and how. Plain data: it goes to another thread. */
export interface Request {
  readonly entry: ModelEntry;
  readonly options: ModelOptions;
  readonly search: SearchCall;
}

/** A violation with the choices that lead to it from the start of the search. */
export interface FoundViolation {
  readonly property: string;
  readonly text: string;
  readonly choices: readonly Choice[];
  /** After how many choices it goes round; null where it ends. */
  readonly loopAfter: number | null;
}

/** What a search came to, and with which machines. Plain data, in the same way. */
export interface Found {
  readonly result: Omit<SearchResult, 'violations'>;
  readonly violations: readonly FoundViolation[];
  readonly preset: string;
  readonly settings: Settings;
  readonly size: Size;
  /** The choices that lead to where the search begins. */
  readonly setup: readonly Choice[];
}

/** What whoever waits hears, and may say. */
export interface Listener {
  readonly onProgress: (progress: Progress) => void;
  readonly isStopped: () => boolean;
}

/** Searches a model. @throws ModelsError, SettingsError */
export function explore({ entry, options, search }: Request, listener: Listener): Found {
  const { model, preset, settings, size, setup } = modelOf(entry, options);
  const { depth, states, memory, until, symmetry, partialOrder } = search;
  const { violations, ...result } = breadthFirst(model, {
    ...listener,
    until,
    ...(depth === null ? {} : { depthMax: depth }),
    ...(states === null ? {} : { statesMax: states }),
    ...(memory === null ? {} : { bytesMax: memory }),
    ...(symmetry === null ? {} : { symmetry }),
    ...(partialOrder === null ? {} : { partialOrder }),
  });
  return {
    result,
    violations: violations.map(({ property, text, trace }) => ({
      property,
      text,
      choices: choicesOfTrace(trace),
      loopAfter: trace.loopAfter,
    })),
    preset,
    settings,
    size,
    setup,
  };
}
