import type { Choice } from '../choices.js';
import type { Action } from './action.js';
import { at, mistake, type Place, readFields } from './fields.js';
import type { AnyVerb, ScriptContext } from './verb.js';
import { GUEST_VERBS } from './verbs-guest.js';
import { HOST_VERBS } from './verbs-host.js';
import { HOSTILE_VERBS } from './verbs-hostile.js';
import { QEMU_VERBS } from './verbs-qemu.js';

/** Everything that a script can make happen, by name. */
export const VERBS: Readonly<Record<string, AnyVerb>> = {
  ...GUEST_VERBS,
  ...QEMU_VERBS,
  ...HOST_VERBS,
  ...HOSTILE_VERBS,
};

/** Names in a step of a script that do not belong to its verb. */
export const STEP_NAMES = ['do', 'when', 'only', 'note'];

/** @throws StoryError for an unknown verb, and for a field that is missing, stray or of another kind */
export function readAction(value: unknown, place: Place): Action {
  const name = (value as { readonly do?: unknown } | null)?.do;
  if (typeof name !== 'string') return mistake(at(place, 'do'), 'is missing');
  const verb = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  if (verb === undefined) {
    return mistake(at(place, 'do'), `'${name}' is unknown; known are ${Object.keys(VERBS).join(', ')}`);
  }
  return { verb: name, values: readFields(verb.fields, value, place, STEP_NAMES) };
}

/** The choice that a step of a script becomes, now. @throws ScriptError where it has no meaning */
export const choiceOf = ({ verb, values }: Action, context: ScriptContext): Choice =>
  VERBS[verb]!.choice(values, context);
