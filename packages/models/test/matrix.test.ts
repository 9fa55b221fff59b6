import { readFileSync } from 'node:fs';
import { listSwitches } from '@spapr-dma/system';
import { describe, expect, test } from 'vitest';
import { loadModels } from '../src/read-models.ts';

const root = new URL('../../../', import.meta.url);
const { models } = loadModels(root.pathname);
const modelOf = (name: string, value: string) =>
  models.find((model) => model.switch === name && model.value === value);

/** The table of spec 70: a switch with its unfixed value, and the first property that breaks. */
test.each`
  name                                 | value                    | first
  ${'replayPolicy'}                    | ${'always'}              | ${'L-2'}
  ${'replayPolicy'}                    | ${'anyMappingFlagBlind'} | ${'S-4'}
  ${'reallocOnFirstVfio'}              | ${'never'}               | ${'S-4'}
  ${'reallocAtomic'}                   | ${'false'}               | ${'S-5'}
  ${'unregNotifierOnContainerDestroy'} | ${'false'}               | ${'S-9'}
  ${'unplugSync'}                      | ${'immediate'}           | ${'L-4'}
  ${'tableBaseUpdate'}                 | ${'none'}                | ${'S-6'}
  ${'unregisterGuard'}                 | ${'none'}                | ${'S-1'}
  ${'setWindowOnExtraGroup'}           | ${'unfixed'}             | ${'S-8'}
  ${'clearOnDetach'}                   | ${'whole'}               | ${'S-4'}
  ${'attachKvmOnJoin'}                 | ${'unfixed'}             | ${'S-4'}
  ${'replayVsKvm'}                     | ${'racy'}                | ${'S-3'}
  ${'kvmErrors'}                       | ${'swallow'}             | ${'S-4'}
  ${'clearTceDec'}                     | ${'unfixed'}             | ${'S-2'}
  ${'rangeCheck'}                      | ${'firstOnly'}           | ${'S-10'}
  ${'createRefund'}                    | ${'unfixed'}             | ${'S-11'}
  ${'unregisterBusy'}                  | ${'orphan'}              | ${'S-11'}
  ${'createAddrCheck'}                 | ${'unfixed'}             | ${'S-13'}
  ${'defWinClear'}                     | ${'unfixed'}             | ${'L-6'}
`('$name=$value violates $first', ({ name, value, first }) => {
  expect(modelOf(name, value)?.violated[0]).toBe(first);
});

const withoutModel = /## Switches without a model\n([\s\S]*?)(?=\n## |$)/.exec(
  readFileSync(new URL('docs/models.md', root), 'utf8'),
)![1]!;

describe('each switch has a model of each value, or a reason why it has none', () => {
  const switches = listSwitches().filter(({ kind }) => kind === 'switch');
  test.each(switches)('$name', ({ name, values, repaired }) => {
    const known = values.map((value) => modelOf(name, value));
    if (withoutModel.includes(`\`${name}\``)) return expect(known.every((each) => !each)).toBe(true);
    expect(known).not.toContain(undefined);
    expect(modelOf(name, values[0]!)!.verdict).toBe('violated');
    expect(modelOf(name, repaired!)!.verdict).toBe('holds');
  });
});

test('a model of a switch differs from repaired by that switch, and by what it says besides', () => {
  for (const model of models) {
    if (model.switch === null) continue;
    expect(model.preset, model.name).toBe('repaired');
    expect(model.set[model.switch], model.name).toBe(model.value);
    expect(model.name).toBe(`${model.switch}=${model.value}`);
  }
});
