import { threadId } from '@spapr-dma/protocol';
import { fields, VMM_FIELDS, type VmmCall, type VmmSetup } from '@spapr-dma/system';
import type { VmmProcess } from './entries.js';

const { at, flag, listOf, mistake, objectOf, oneOf, optional, readFields, schemaOf, text, u64 } = fields;
type Place = fields.Place;
type Field<Value> = fields.Field<Value>;

/** The VMM's host. */
export const VMM: Field<VmmSetup> = objectOf(VMM_FIELDS);

/** The fields of a call as its message has them: 64-bit values are strings `"0x…"`. */
function messageValue(value: unknown, place: Place): unknown {
  if (typeof value === 'string') return value.startsWith('0x') ? u64.read(value, place) : value;
  if (Array.isArray(value)) return value.map((each, index) => messageValue(each, at(place, index)));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, messageValue(each, at(place, name))]),
  );
}

const CALL_FIELDS = { do: text, thread: optional(text, null), to: optional(text, null) } as const;

const callSchema = { ...schemaOf(CALL_FIELDS), additionalProperties: true };

/** A call; whose it is where it does not say. */
function callOf(value: unknown, place: Place, otherwise: string): VmmCall {
  if (typeof value !== 'object' || value === null) mistake(place, 'must be an object');
  const { do: verb, thread, to, ...args } = value as Readonly<Record<string, unknown>>;
  const head = readFields(CALL_FIELDS, { do: verb, thread, to }, place);
  return {
    type: head.do,
    thread: head.thread ?? otherwise,
    to: head.to,
    args: messageValue(args, place) as VmmCall['args'],
  };
}

/** Calls that are made one after the other. */
export const VMM_SETUP: Field<readonly VmmCall[]> = optional(
  listOf({ read: (value, place) => callOf(value, place, 'main'), schema: callSchema }),
  [],
);

const PROCESS_FIELDS = {
  name: text,
  thread: optional(text, null),
  steps: listOf({ read: (value: unknown) => value, schema: callSchema }),
  order: optional(oneOf('sequence', 'any'), 'sequence' as const),
  repeats: optional(flag, false),
} as const;

const PROCESS: Field<VmmProcess> = {
  read: (value, place) => {
    const process = readFields(PROCESS_FIELDS, value, place);
    const thread = process.thread ?? process.name;
    const steps = process.steps.map((step, index) => {
      const where = at(at(place, 'steps'), index);
      const call = callOf(step, where, thread);
      return call.thread === thread ? call : mistake(at(where, 'thread'), 'is that of the process');
    });
    return { ...process, thread: threadId(thread), steps };
  },
  schema: schemaOf(PROCESS_FIELDS),
};

/** Threads that make calls at the same time, no two of the same name. */
export const VMM_PROCESSES: Field<readonly VmmProcess[]> = {
  read: (value, place) => {
    const processes = listOf(PROCESS).read(value, place);
    if (processes.length === 0) mistake(place, 'must have at least one');
    const threads = processes.map(({ thread }) => thread);
    const double = threads.find((thread, index) => threads.indexOf(thread) !== index);
    return double === undefined ? processes : mistake(place, `two have the thread '${double}'`);
  },
  schema: { ...listOf(PROCESS).schema, minItems: 1 },
};
