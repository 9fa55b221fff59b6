import { fileURLToPath } from 'node:url';
import { loadModels, type ModelEntry, ModelsError } from '@spapr-dma/models';
import { SettingsError } from '@spapr-dma/system';
import { CallError } from '../call-error.js';
import { nearest } from '../text/nearest.js';

/** Where models.json stands. */
const folder = (): string => fileURLToPath(new URL('../../../..', import.meta.url));

/** What `ask` answers; where what it was asked for does not exist or makes no sense, that is the caller's mistake. */
export function known<Answer>(ask: () => Answer): Answer {
  try {
    return ask();
  } catch (error) {
    if (!(error instanceof ModelsError || error instanceof SettingsError)) throw error;
    throw new CallError(error.message, 'check');
  }
}

/** Every model, in the order of the file. @throws CallError where it cannot be read */
export const allModels = (): readonly ModelEntry[] => known(() => loadModels(folder()).models);

/** @throws CallError for a name that no model has, with those there are */
export function modelNamed(models: readonly ModelEntry[], name: string): ModelEntry {
  const model = models.find((each) => each.name === name);
  if (model !== undefined) return model;
  const names = models.map((each) => each.name);
  const meant = nearest(name, names);
  const hint = meant === undefined ? '' : `did you mean '${meant}'? `;
  throw new CallError(`there is no model '${name}'; ${hint}There are: ${names.join(', ')}`, 'check');
}
