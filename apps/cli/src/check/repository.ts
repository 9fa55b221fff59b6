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

/** Names that are told to somebody who typed another. */
const TOLD_MAX = 12;

/** Names that contain what was typed, or else one that is nearly the same. */
function similar(name: string, names: readonly string[]): readonly string[] {
  const containing = names.filter((each) => each.toLowerCase().includes(name.toLowerCase()));
  if (containing.length > 0) return containing;
  const meant = nearest(name, names);
  return meant === undefined ? [] : [meant];
}

/** @throws CallError for a name that no model has, with those that were probably meant */
export function modelNamed(models: readonly ModelEntry[], name: string): ModelEntry {
  const model = models.find((each) => each.name === name);
  if (model !== undefined) return model;
  const names = models.map((each) => each.name);
  const meant = similar(name, names);
  const told = (meant.length > 0 ? meant : names).slice(0, TOLD_MAX);
  const list = told.map((each) => `'${each}'`).join(', ');
  const hint = meant.length > 0 ? `did you mean ${list}?` : `there are ${list} and others;`;
  throw new CallError(
    `there is no model '${name}'; ${hint} spapr-dma check lists all ${names.length}`,
    'check',
  );
}
