import { fileURLToPath } from 'node:url';
import { breadthFirst } from '@spapr-dma/checker';
import { canonicalText, keyOf } from '@spapr-dma/system';
import { expect, test } from 'vitest';
import { type BuiltModel, loadModels, modelOf } from '../src/index.ts';
import { type Place, waysFrom } from './walk.ts';

/** Every state and step by the system's own driver, with nothing remembered. */
function searched({ model, participants, start }: BuiltModel) {
  const keyAt = ({ state, environment }: Place): string =>
    keyOf(participants, state) + canonicalText(environment);
  const first: Place = { state: start, environment: model.environment!.initial };
  const seen = new Set([keyAt(first)]);
  let [level, depth, transitions]: [readonly Place[], number, number] = [[first], -1, 0];
  while (level.length > 0) {
    const next: Place[] = [];
    for (const place of level) {
      for (const way of waysFrom(model, participants, place)) {
        transitions += 1;
        const key = keyAt(way.next);
        if (seen.has(key)) continue;
        seen.add(key);
        next.push(way.next);
      }
    }
    level = next;
    depth += 1;
  }
  return { states: seen.size, transitions, depth };
}

const { models } = loadModels(fileURLToPath(new URL('../../../', import.meta.url)));

test.each(['two-vcpus-map', 'plug-against-map'])(
  '%s: the checker counts what the system’s own driver counts',
  (name) => {
    const built = modelOf(models.find((each) => each.name === name)!, { properties: [] });
    const { states, transitions, depth } = breadthFirst(built.model);
    expect({ states, transitions, depth }).toEqual(searched(built));
  },
);
