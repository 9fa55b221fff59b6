import { fileURLToPath } from 'node:url';
import { breadthFirst, symmetryFaults } from '@spapr-dma/checker';
import { describe, expect, test } from 'vitest';
import { loadModels, type ModelEntry, modelOf } from '../src/index.ts';

const { models } = loadModels(fileURLToPath(new URL('../../../', import.meta.url)));
const mapping = models.find(({ name }) => name === 'two-vcpus-map')!;

/** Two vCPUs that do what the first one does, as far as some number of steps, but for differences. */
function alike(steps: number, changes: Readonly<Record<string, unknown>> = {}): ModelEntry {
  const { scenario } = mapping;
  if (scenario.kind !== 'machine') throw new TypeError(`${scenario.name} has no QEMU`);
  const [first] = scenario.processes;
  const processes = [0, 1].map((vcpu) => ({
    ...first!,
    name: `vcpu${vcpu}`,
    steps: first!.steps.slice(0, steps).map((step) => ({
      ...step,
      action: { ...step.action, values: { ...step.action.values, vcpu, ...(vcpu === 1 ? changes : {}) } },
    })),
  }));
  return { ...mapping, scenario: { ...scenario, processes } };
}

describe('vCPUs that do the same are exchanged for each other', () => {
  test.each`
    steps
    ${1}
    ${2}
  `('$steps steps each: the same verdicts from fewer states', ({ steps }) => {
    const { model } = modelOf(alike(steps));
    expect(model.symmetry).toHaveLength(1);
    expect(symmetryFaults(model)).toEqual([]);
    const [found, plain] = [true, false].map((symmetry) => breadthFirst(model, { symmetry, until: 'all' }));
    expect(found!.states).toBeLessThan(0.55 * plain!.states);
    expect(found!.verdict).toBe(plain!.verdict);
    expect(found!.unreached).toEqual(plain!.unreached);
    const lengths = [found!, plain!].map(({ violations }) =>
      violations.map(({ property, trace }) => [property, trace.steps.length]),
    );
    expect(lengths[0]).toEqual(lengths[1]);
  });

  test('not where one of them does something else', () => {
    expect(modelOf(alike(1, { ioba: 0x1000n })).model.symmetry).toEqual([]);
    expect(modelOf(mapping).model.symmetry).toEqual([]);
  });
});
