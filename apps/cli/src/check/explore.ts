import {
  type Model,
  type OrderedSearchOptions,
  type Progress,
  promelaOf,
  type SearchResult,
  search as searched,
} from '@spapr-dma/checker';
import { choicesOfTrace, type ModelEntry, type ModelOptions, ModelsError, modelOf } from '@spapr-dma/models';
import type { Choice, Settings, Size } from '@spapr-dma/system';
import type { SearchCall } from './check-call.js';

/** A model to search, and how. Plain data: it goes to another thread. */
export interface Request {
  readonly entry: ModelEntry;
  readonly options: ModelOptions;
  readonly search: SearchCall;
  /** Whether the model is wanted in Promela too. */
  readonly promela: boolean;
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
  /** The model in Promela; null where nobody asked for it. */
  readonly promela: string | null;
}

/** What whoever waits hears, and may say. */
export interface Listener {
  readonly onProgress: (progress: Progress) => void;
  readonly isStopped: () => boolean;
}

/** Where chance begins, unless somebody says so: the same call has the same answer. */
export const SEED = 1;

/** How often a search is written down, unless somebody says so. */
const EVERY_SECONDS = 60;

function optionsOf(call: SearchCall, listener: Listener): OrderedSearchOptions {
  const { order, seed, walks, depth, states, memory, until, symmetry, partialOrder } = call;
  const { workers, checkpoint, every, resume } = call;
  const options = {
    ...listener,
    until,
    ...(depth === null ? {} : { depthMax: depth }),
    ...(states === null ? {} : { statesMax: states }),
    ...(memory === null ? {} : { bytesMax: memory }),
    ...(symmetry === null ? {} : { symmetry }),
    ...(partialOrder === null ? {} : { partialOrder }),
  };
  if (order === 'breadth') {
    const everySeconds = every ?? EVERY_SECONDS;
    return {
      ...options,
      order,
      workers,
      ...(checkpoint === null ? {} : { checkpoint: { file: checkpoint, everySeconds } }),
      ...(resume === null ? {} : { resume }),
    };
  }
  if (order === 'depth') return { ...options, order };
  return { ...options, order, seed: seed ?? SEED, ...(walks === null ? {} : { walks }) };
}

/** A model in Promela. @throws ModelsError for one that is too large */
function promelaText(model: Model): string {
  try {
    return promelaOf(model).text;
  } catch (error) {
    throw error instanceof RangeError ? new ModelsError(error.message) : error;
  }
}

/** Searches a model. @throws ModelsError, SettingsError */
export function explore({ entry, options, search, promela }: Request, listener: Listener): Found {
  const { model, preset, settings, size, setup } = modelOf(entry, options);
  const { violations, ...result } = searched(model, optionsOf(search, listener));
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
    promela: promela ? promelaText(model) : null,
  };
}
