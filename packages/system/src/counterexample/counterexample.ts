import type { Choice } from '../choices.js';
import { SettingsError, StoryError } from '../errors.js';
import { settingsOf } from '../presets.js';
import type { Settings } from '../settings.js';
import type { Size } from '../sizes.js';
import {
  at,
  count,
  type Field,
  mapOf,
  mistake,
  objectOf,
  oneOf,
  type Place,
  readFields,
  text,
} from '../story/fields.js';
import { parsedJson } from '../story/read-story.js';
import { MACHINE_FIELDS, type MachineSetup } from '../story/story.js';
import type { VmmSetup } from '../vmm.js';
import { VMM_FIELDS } from '../vmm-fields.js';
import { choiceToJson, readChoice } from './choice-json.js';
import type { ExplainedStep } from './explain.js';

export const COUNTEREXAMPLE_FORMAT = 'spapr-dma-counterexample/1';

/** A file that is no counterexample, or one that cannot be played. The message names the file and the place in it. */
export class CounterexampleError extends Error {
  override readonly name = 'CounterexampleError';
}

/** A property and how it was violated. */
export interface Violated {
  readonly name: string;
  /** What always holds, as a sentence. */
  readonly title: string;
  /** What went wrong, as a sentence. */
  readonly text: string;
  /** Nanoseconds that L-2 allows, where a model has a budget of its own; null for any other property. */
  readonly costMax: number | null;
}

/** Machines as a story has them; `written` is the same as it stands in a file. */
export interface MachineHost {
  readonly kind: 'machine';
  readonly machine: MachineSetup;
  readonly written: unknown;
}

/** The host below a VMM that is not QEMU, in the same way. */
export interface VmmHost {
  readonly kind: 'vmm';
  readonly vmm: VmmSetup;
  readonly written: unknown;
}

/** A path to the violation of a property, with all that it takes to go it again. */
export interface Counterexample {
  readonly model: string;
  readonly title: string;
  readonly preset: string;
  /** Every setting by name. */
  readonly settings: Settings;
  readonly size: Size;
  /** The machines before anything happened: with QEMU among them, or below another VMM. */
  readonly host: MachineHost | VmmHost;
  /** What happened before the path begins. */
  readonly setup: readonly Choice[];
  readonly property: Violated;
  /** After how many steps the path comes back to where it ends; null where it does not. */
  readonly loopAfter: number | null;
  readonly choices: readonly Choice[];
}

/** A value as it stands, which nobody needs to read. */
const anything = { read: (value: unknown) => value, schema: {} } as const;
const anythings = {
  read: (value: unknown, place: Place): readonly unknown[] =>
    Array.isArray(value) ? value : mistake(place, 'must be a list'),
  schema: { type: 'array' },
} as const;

const COST_MAX: Field<number | null> = {
  read: (value, place) => (value === null ? null : count.read(value, place)),
  schema: { anyOf: [count.schema, { type: 'null' }] },
};

const FIELDS = {
  format: anything,
  model: text,
  title: text,
  preset: text,
  settings: mapOf(text),
  size: oneOf('minimal', 'power9'),
  machine: { ...anything, optional: true },
  vmm: { ...anything, optional: true },
  setup: anythings,
  property: objectOf({ name: text, title: text, text, costMax: COST_MAX }),
  loopAfter: anything,
  steps: anythings,
} as const;

/** vCPUs of the largest machine that is modelled. */
const VCPUS_MAX = 64;

function machineOf(value: unknown, place: Place): MachineSetup {
  const machine = readFields(MACHINE_FIELDS, value, place);
  if (machine.vcpus > VCPUS_MAX) mistake(at(place, 'vcpus'), `must be at most ${VCPUS_MAX}`);
  return machine;
}

/** Machines as files have them. @throws StoryError with the place */
export const machineHost = (written: unknown, place: Place): MachineHost => ({
  kind: 'machine',
  machine: machineOf(written, place),
  written,
});

/** In the same way. @throws StoryError with the place */
export const vmmHost = (written: unknown, place: Place): VmmHost => ({
  kind: 'vmm',
  vmm: readFields(VMM_FIELDS, written, place),
  written,
});

function hostOf(machine: unknown, vmm: unknown, place: Place): Counterexample['host'] {
  if (machine !== undefined && vmm !== undefined) mistake(at(place, 'vmm'), 'cannot stand beside a machine');
  if (machine === undefined && vmm === undefined) mistake(at(place, 'machine'), 'is missing');
  return vmm === undefined ? machineHost(machine, at(place, 'machine')) : vmmHost(vmm, at(place, 'vmm'));
}

const choiceOf = (value: unknown, place: Place): Choice => {
  const choice = (value as { readonly choice?: unknown } | null)?.choice;
  return choice === undefined
    ? mistake(at(place, 'choice'), 'is missing')
    : readChoice(choice, at(place, 'choice'));
};

function settingsIn(preset: string, settings: Settings, place: Place): Settings {
  try {
    return settingsOf(preset, settings);
  } catch (error) {
    if (error instanceof SettingsError) mistake(place, error.message);
    throw error;
  }
}

function loopOf(value: unknown, steps: number, place: Place): number | null {
  if (value === null) return null;
  const isStep = Number.isInteger(value) && (value as number) >= 0 && (value as number) < steps;
  return isStep ? (value as number) : mistake(place, `must be null or a whole number below ${steps}`);
}

function counterexampleFrom(value: unknown, file: string): Counterexample {
  const place = { file, path: '' };
  const { format } = value as { readonly format?: unknown };
  const formatPlace = at(place, 'format');
  if (format === undefined) mistake(formatPlace, `is missing; it must be '${COUNTEREXAMPLE_FORMAT}'`);
  if (format !== COUNTEREXAMPLE_FORMAT) {
    mistake(formatPlace, `is ${JSON.stringify(format)}; this version reads '${COUNTEREXAMPLE_FORMAT}'`);
  }
  const {
    machine,
    vmm,
    setup,
    settings,
    loopAfter,
    steps,
    format: _,
    ...fields
  } = readFields(FIELDS, value, place);
  if (steps.length === 0) mistake(at(place, 'steps'), 'must have at least one step');
  return {
    ...fields,
    settings: settingsIn(fields.preset, settings, at(place, 'settings')),
    host: hostOf(machine, vmm, place),
    setup: setup.map((choice, index) => readChoice(choice, at(at(place, 'setup'), index))),
    loopAfter: loopOf(loopAfter, steps.length, at(place, 'loopAfter')),
    choices: steps.map((step, index) => choiceOf(step, at(at(place, 'steps'), index))),
  };
}

/** Whether JSON goes wrong only at its end. */
function isCut(source: string): boolean {
  try {
    JSON.parse(source);
    return false;
  } catch (error) {
    const { message } = error as Error;
    const position = /position (\d+)/.exec(message)?.[1];
    return position === undefined
      ? /Unexpected end/.test(message)
      : Number(position) >= source.trimEnd().length;
  }
}

function jsonOf(source: string, file: string): unknown {
  if (!isCut(source)) return parsedJson(source, file);
  const line = source.split('\n').length;
  throw new CounterexampleError(`${file}: line ${line}: the file ends too early; it is empty or was cut`);
}

/** @throws CounterexampleError that names the file, the place, and what was expected there */
export function readCounterexample(source: string, file: string): Counterexample {
  try {
    const value = jsonOf(source, file);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new CounterexampleError(`${file}: a counterexample must be an object`);
    }
    return counterexampleFrom(value, file);
  } catch (error) {
    if (error instanceof StoryError) throw new CounterexampleError(error.message);
    throw error;
  }
}

const listed = (items: readonly unknown[]): string =>
  items.length === 0 ? '[]' : `[\n${items.map((item) => `    ${JSON.stringify(item)}`).join(',\n')}\n  ]`;

/** The file's text: a line for each step, with what a reader wants to know of it. */
export function writeCounterexample(
  { choices, host, setup, ...counterexample }: Counterexample,
  steps: readonly ExplainedStep[],
): string {
  const { model, title, preset, settings, size, property, loopAfter } = counterexample;
  const written = choices.map((choice, index) => ({ ...steps[index], choice: choiceToJson(choice) }));
  const head = Object.entries({
    format: COUNTEREXAMPLE_FORMAT,
    model,
    title,
    preset,
    settings,
    size,
    property,
    loopAfter,
    [host.kind]: host.written,
  }).map(([name, value]) => `  ${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  const lists = [`  "setup": ${listed(setup.map(choiceToJson))}`, `  "steps": ${listed(written)}`];
  return `{\n${[...head, ...lists].join(',\n')}\n}\n`;
}
