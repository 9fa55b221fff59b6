import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { loadModels, ModelsError, modelOf, modelsSchema, readModels } from '../src/index.ts';

type Fields = Readonly<Record<string, unknown>>;

const RESET = { do: 'system_reset' };
const GET = { do: 'H_GET_TCE', liobn: '0x80000000', ioba: '0x0' };
const SCENARIO = {
  title: 'A vCPU reads.',
  machine: { guest: false },
  setup: [RESET],
  processes: [{ name: 'vcpu0', steps: [GET] }],
};
const MODEL = { name: 'reads', scenario: 'it', preset: 'newest', properties: ['S-17'], verdict: 'holds' };

const text = (model: Fields, scenario: Fields = {}): string =>
  JSON.stringify({
    format: 'spapr-dma-models/1',
    scenarios: { it: { ...SCENARIO, ...scenario } },
    models: [{ ...MODEL, ...model }],
  });
const process = (...steps: readonly Fields[]) => ({ processes: [{ name: 'one', steps }] });

test.each`
  case                            | model                                         | scenario                                     | says
  ${'an unknown scenario'}        | ${{ scenario: 'that' }}                       | ${{}}                                        | ${"models.json: models[0] 'reads'.scenario: there is no scenario 'that'; there are: it"}
  ${'an unknown preset'}          | ${{ preset: '1999' }}                         | ${{}}                                        | ${"models.json: models[0] 'reads'.preset: There is no preset '1999'; there are: 2015, 2017"}
  ${'an unknown switch'}          | ${{ set: { unknown: 'true' } }}               | ${{}}                                        | ${"models.json: models[0] 'reads'.set: There is no setting 'unknown'; there are: replayPolicy"}
  ${'an unknown value'}           | ${{ set: { reallocAtomic: 'maybe' } }}        | ${{}}                                        | ${"models.json: models[0] 'reads'.set: 'reallocAtomic' cannot be 'maybe'; it can be: false, true"}
  ${'a switch without its value'} | ${{ switch: 'reallocAtomic' }}                | ${{}}                                        | ${"models.json: models[0] 'reads'.value: is missing"}
  ${'an unknown property'}        | ${{ properties: ['S-99'] }}                   | ${{}}                                        | ${"models.json: models[0] 'reads'.properties[0]: there is no property 'S-99'; there are: S-1, S-2"}
  ${'a violation not asked for'}  | ${{ verdict: 'violated', violated: ['L-1'] }} | ${{}}                                        | ${"models.json: models[0] 'reads'.violated: 'L-1' is not among the properties"}
  ${'nothing that is violated'}   | ${{ verdict: 'violated' }}                    | ${{}}                                        | ${"models.json: models[0] 'reads'.violated: must name one"}
  ${'a violation of what holds'}  | ${{ violated: ['S-17'] }}                     | ${{}}                                        | ${"models.json: models[0] 'reads'.violated: must be empty"}
  ${'a stray field'}              | ${{ colour: 'red' }}                          | ${{}}                                        | ${"models.json: models[0] 'reads'.colour: is not known here; known are name"}
  ${'a process without steps'}    | ${{}}                                         | ${process()}                                 | ${'models.json: scenarios.it.processes[0].steps: must have at least one'}
  ${'an unknown verb'}            | ${{}}                                         | ${process({ do: 'fly' })}                    | ${"models.json: scenarios.it.processes[0].steps[0].do: 'fly' is unknown; known are"}
  ${'a missing field'}            | ${{}}                                         | ${process({ do: 'H_GET_TCE', ioba: '0x0' })} | ${'models.json: scenarios.it.processes[0].steps[0].liobn: is missing'}
`('refused: $case', ({ model, scenario, says }) => {
  const read = () => readModels(text(model, scenario), 'models.json');
  expect(read).toThrow(ModelsError);
  expect(read).toThrow(says);
});

test('refused: two models of one name, and a file that is no JSON', () => {
  const { scenarios, ...rest } = JSON.parse(text({})) as Fields;
  const twice = JSON.stringify({ ...rest, scenarios, models: [MODEL, MODEL] });
  expect(() => readModels(twice, 'models.json')).toThrow("models.json: models: two are named 'reads'");
  expect(() => readModels('{\n"a"', 'models.json')).toThrow('models.json: line');
  expect(() => loadModels('/nowhere')).toThrow(ModelsError);
});

test.each`
  case                             | scenario                              | says
  ${'a setup that is never taken'} | ${{ setup: [RESET, { do: 'cont' }] }} | ${"Model 'reads', scenario 'it': the setup goes wrong: Step 2 of the script, cont, cannot be taken"}
  ${'a step that makes no sense'}  | ${process({ do: 'exit-kvm' })}        | ${'exit-kvm has no meaning in this machine'}
`('not built: $case', ({ scenario, says }) => {
  const [entry] = readModels(text({}, scenario), 'models.json').models;
  expect(() => modelOf(entry!)).toThrow(ModelsError);
  expect(() => modelOf(entry!)).toThrow(says);
});

test('what is left out has its default, and what the file has is kept', () => {
  const [entry] = readModels(text({}), 'models.json').models;
  expect(entry).toMatchObject({ set: {}, violated: [], states: null, tier: 'small', costMax: null });
  expect(entry!.scenario).toMatchObject({
    size: 'minimal',
    json: { machine: SCENARIO.machine, setup: [RESET] },
  });
});

test('the schema accepts what is read, and refuses what is not', () => {
  const validate = new Ajv2020({ strict: false }).compile(modelsSchema());
  const folder = fileURLToPath(new URL('../../../', import.meta.url));
  expect(validate(JSON.parse(readFileSync(`${folder}/models.json`, 'utf8')))).toBe(true);
  expect(validate(JSON.parse(text({})))).toBe(true);
  expect(validate(JSON.parse(text({ colour: 'red' })))).toBe(false);
});
