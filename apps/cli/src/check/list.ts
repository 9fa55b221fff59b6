import type { ModelEntry } from '@spapr-dma/models';
import type { Answer } from '../answer.js';
import { table } from '../text/table.js';
import { counted, grouped } from '../text/words.js';
import { allModels } from './repository.js';

const entryDocument = (entry: ModelEntry) => ({
  name: entry.name,
  scenario: entry.scenario.name,
  title: entry.scenario.title,
  preset: entry.preset,
  set: entry.set,
  size: entry.scenario.size,
  properties: entry.properties,
  eventually: entry.eventually,
  verdict: entry.verdict,
  violated: entry.violated,
  states: entry.states,
  transitions: entry.transitions,
  depth: entry.depth,
  tier: entry.tier,
  switch: entry.switch,
  value: entry.value,
  costMax: entry.costMax,
  note: entry.note,
});

const columns = [
  { title: 'model' },
  { title: 'preset' },
  { title: 'switches' },
  { title: 'properties' },
  { title: 'expected' },
  { title: 'states', align: 'right' },
] as const;

const row = ({
  name,
  preset,
  set,
  properties,
  eventually,
  verdict,
  violated,
  states,
}: ModelEntry): readonly string[] => [
  name,
  preset,
  Object.entries(set)
    .map(([switchName, value]) => `${switchName}=${value}`)
    .join(' '),
  [...new Set([...properties, ...eventually])].join(' '),
  verdict === 'holds' ? 'holds' : `violates ${violated.join(' ')}`,
  states === null ? '' : grouped(states),
];

/** `spapr-dma check`: what can be checked. */
export function listModels(): Answer {
  const models = allModels();
  const document = { models: models.map(entryDocument), error: null };
  return {
    status: 0,
    document,
    text: () => `${table(columns, models.map(row))}\n${counted(models.length, 'model')}.\n`,
  };
}
