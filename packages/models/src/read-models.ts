import * as fs from 'node:fs';
import {
  CONDITION,
  fields,
  inTheEnd,
  MACHINE_FIELDS,
  PROPERTIES,
  parsedJson,
  readAction,
  SCRIPT_STEP,
  SettingsError,
  StoryError,
  scriptStepSchema,
  settingsOf,
  WHEN,
} from '@spapr-dma/system';
import type { ModelEntry, Models, ProcessEntry, ProcessStep, ProcessWhen, ScenarioEntry } from './entries.js';
import { ModelsError } from './errors.js';
import { VMM, VMM_PROCESSES, VMM_SETUP } from './read-userspace.js';

const { at, count, flag, listOf, mapOf, mistake, objectOf, oneOf, optional, readFields, schemaOf, text } =
  fields;
type Place = fields.Place;
type Field<Value> = fields.Field<Value>;

const FORMAT = 'spapr-dma-models/1';

const PROCESS_WHEN: Field<ProcessWhen> = {
  ...WHEN,
  read: (value, place) => (value === undefined ? { kind: 'possible' } : WHEN.read(value, place)),
};

const PROCESS_STEP: Field<ProcessStep> = {
  read: (value, place) => {
    const action = readAction(value, place);
    const { when, only } = value as { readonly when?: unknown; readonly only?: unknown };
    return {
      action,
      when: PROCESS_WHEN.read(when, at(place, 'when')),
      only: CONDITION.read(only, at(place, 'only')),
    };
  },
  schema: SCRIPT_STEP.schema,
};

/** Fields of a list, or none of them. */
const oneOrMore = <Value>(item: Field<Value>): Field<readonly Value[]> => {
  const list = listOf(item);
  return {
    read: (value, place) => {
      const values = list.read(value, place);
      return values.length > 0 ? values : mistake(place, 'must have at least one');
    },
    schema: { ...list.schema, minItems: 1 },
  };
};

const PROCESS: Field<ProcessEntry> = objectOf({
  name: text,
  steps: oneOrMore(PROCESS_STEP),
  order: optional(oneOf('sequence', 'any'), 'sequence' as const),
  repeats: optional(flag, false),
});

const COMMON_FIELDS = {
  title: text,
  size: optional(oneOf('minimal', 'power9'), 'minimal' as const),
} as const;
/** A whole machine with QEMU in it. */
const MACHINE_SCENARIO_FIELDS = {
  ...COMMON_FIELDS,
  machine: objectOf(MACHINE_FIELDS),
  setup: optional(listOf(SCRIPT_STEP), []),
  processes: oneOrMore(PROCESS),
} as const;
/** The host's kernel below a VMM that is not QEMU. */
const VMM_SCENARIO_FIELDS = {
  ...COMMON_FIELDS,
  vmm: VMM,
  setup: VMM_SETUP,
  processes: VMM_PROCESSES,
} as const;

/** However many vCPUs there are. */
const LIVENESS_NAMES = [...new Set(inTheEnd(1).map(({ name }) => name))];

const MODEL_FIELDS = {
  name: text,
  scenario: text,
  preset: text,
  set: optional(mapOf(text), {} as Readonly<Record<string, string>>),
  properties: oneOrMore(text),
  eventually: optional(listOf(oneOf(...LIVENESS_NAMES)), []),
  verdict: oneOf('holds', 'violated'),
  violated: optional(listOf(text), []),
  states: optional(count, null),
  transitions: optional(count, null),
  depth: optional(count, null),
  tier: optional(oneOf('small', 'large'), 'small' as const),
  switch: optional(text, null),
  value: optional(text, null),
  costMax: optional(count, null),
  note: optional(text, null),
} as const;

const SCENARIO_SCHEMA = { anyOf: [schemaOf(MACHINE_SCENARIO_FIELDS), schemaOf(VMM_SCENARIO_FIELDS)] };

/** The whole file; scenarios and models are read one by one, so that each mistake has its place. */
const FILE_FIELDS = {
  $schema: optional(text, null),
  format: oneOf(FORMAT),
  scenarios: mapOf({ read: (value) => value, schema: SCENARIO_SCHEMA }),
  models: listOf({ read: (value) => value, schema: schemaOf(MODEL_FIELDS) }),
} as const;

function scenarioOf(name: string, value: unknown, place: Place): ScenarioEntry {
  const isVmm = typeof value === 'object' && value !== null && 'vmm' in value;
  const scenario = isVmm
    ? ({ kind: 'vmm', ...readFields(VMM_SCENARIO_FIELDS, value, place) } as const)
    : ({ kind: 'machine', ...readFields(MACHINE_SCENARIO_FIELDS, value, place) } as const);
  const names = scenario.processes.map((each) => each.name);
  const double = names.find((each, index) => names.indexOf(each) !== index);
  if (double !== undefined) mistake(at(place, 'processes'), `two are named '${double}'`);
  const { machine, vmm, setup = [] } = value as Readonly<Record<string, unknown>>;
  return scenario.kind === 'vmm'
    ? { ...scenario, name, json: { vmm, setup } }
    : { ...scenario, name, json: { machine, setup } };
}

const known = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '));
const PROPERTY_NAMES = PROPERTIES.map(({ name }) => name);

function checkProperties(names: readonly string[], place: Place): void {
  names.forEach((name, index) => {
    if (!PROPERTY_NAMES.includes(name)) {
      mistake(at(place, index), `there is no property '${name}'; there are: ${known(PROPERTY_NAMES)}`);
    }
  });
}

/** Asks for settings, and says where those stand that do not exist. */
function checkSettings(ask: () => unknown, place: Place): void {
  try {
    ask();
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    mistake(place, error.message.replace(/\.$/, ''));
  }
}

function modelOfFields(value: unknown, scenarios: readonly ScenarioEntry[], place: Place): ModelEntry {
  const model = readFields(MODEL_FIELDS, value, place);
  const scenario = scenarios.find(({ name }) => name === model.scenario);
  if (scenario === undefined) {
    const names = known(scenarios.map(({ name }) => name));
    return mistake(at(place, 'scenario'), `there is no scenario '${model.scenario}'; there are: ${names}`);
  }
  checkSettings(() => settingsOf(model.preset), at(place, 'preset'));
  checkSettings(() => settingsOf(model.preset, model.set), at(place, 'set'));
  if (model.switch !== null && model.value === null) mistake(at(place, 'value'), 'is missing');
  if (model.switch !== null) {
    const asked = { [model.switch]: model.value! };
    checkSettings(() => settingsOf(model.preset, asked), at(place, 'switch'));
  }
  checkProperties(model.properties, at(place, 'properties'));
  checkProperties(model.violated, at(place, 'violated'));
  const asked: readonly string[] = [...model.properties, ...model.eventually];
  const stray = model.violated.find((name) => !asked.includes(name));
  if (stray !== undefined) mistake(at(place, 'violated'), `'${stray}' is not among the properties`);
  if ((model.verdict === 'violated') !== model.violated.length > 0) {
    mistake(at(place, 'violated'), `must ${model.verdict === 'violated' ? 'name one' : 'be empty'}`);
  }
  return { ...model, scenario };
}

function modelsOf(source: string, file: string): Models {
  const place: Place = { file, path: '' };
  const all = readFields(FILE_FIELDS, parsedJson(source, file), place);
  const scenarios = Object.entries(all.scenarios).map(([name, value]) =>
    scenarioOf(name, value, at(at(place, 'scenarios'), name)),
  );
  const models = all.models.map((value, index) => {
    const where = at(at(place, 'models'), index);
    const name = (value as { readonly name?: unknown } | null)?.name;
    const named = typeof name === 'string' ? { file, path: `${where.path} '${name}'` } : where;
    return modelOfFields(value, scenarios, named);
  });
  const names = models.map(({ name }) => name);
  const double = names.find((name, index) => names.indexOf(name) !== index);
  if (double !== undefined) mistake(at(place, 'models'), `two are named '${double}'`);
  return { scenarios, models };
}

/**
 * Models from their text.
 * @throws ModelsError that names the file, the place, and what was expected there
 */
export function readModels(source: string, file: string): Models {
  try {
    return modelsOf(source, file);
  } catch (error) {
    if (!(error instanceof StoryError)) throw error;
    throw new ModelsError(error.message);
  }
}

/** The models of a folder. @throws ModelsError where there are none, or they cannot be read */
export function loadModels(folder: string): Models {
  const file = 'models.json';
  let source: string;
  try {
    source = fs.readFileSync(`${folder}/${file}`, 'utf8');
  } catch (error) {
    throw new ModelsError(`${file}: ${(error as Error).message}`);
  }
  return readModels(source, file);
}

/** The JSON schema of the file, for editors; made from what `readModels` reads. */
export const modelsSchema = (): object => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'The models of spapr-dma',
  ...schemaOf(FILE_FIELDS),
  $defs: { step: scriptStepSchema() },
});
