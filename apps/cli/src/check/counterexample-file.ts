import type { ModelEntry } from '@spapr-dma/models';
import {
  type Counterexample,
  MACHINE_FAILURE,
  machineHost,
  type PlayedCounterexample,
  PROPERTIES,
  playCounterexample,
  vmmHost,
} from '@spapr-dma/system';
import type { Found, FoundViolation } from './explore.js';

const titleOf = (name: string): string =>
  name === MACHINE_FAILURE
    ? 'No machine gets a message that it cannot handle.'
    : (PROPERTIES.find((each) => each.name === name)?.title ?? name);

function hostOf({ scenario }: ModelEntry): Counterexample['host'] {
  const place = { file: 'models.json', path: `scenarios.${scenario.name}` };
  return scenario.kind === 'vmm'
    ? vmmHost(scenario.json.vmm, place)
    : machineHost(scenario.json.machine, place);
}

/** A violation that was found as what can be written down, played and charted. */
export const counterexampleOf = (
  entry: ModelEntry,
  { preset, settings, size, setup }: Found,
  { property, text, choices, loopAfter }: FoundViolation,
): Counterexample => ({
  model: entry.name,
  title: entry.scenario.title,
  preset,
  settings,
  size,
  host: hostOf(entry),
  setup,
  property: {
    name: property,
    title: titleOf(property),
    text,
    costMax: property === 'L-2' ? entry.costMax : null,
  },
  loopAfter,
  choices,
});

/**
 * The violation that stands for a search, played: the first of those that the model is about, else the nearest. Null
 * where there is no way to one.
 */
export function playedOf(entry: ModelEntry, found: Found): PlayedCounterexample | null {
  const { violations } = found;
  const main = violations.find(({ property }) => property === entry.violated[0]) ?? violations[0];
  if (main === undefined || main.choices.length === 0) return null;
  return playCounterexample(counterexampleOf(entry, found, main), { file: entry.name });
}
