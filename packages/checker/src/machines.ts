import { type AnyMachineSnapshot, initialTransition, transition } from 'xstate';
import { canonicalText, type KnownTexts } from './canonical-text.js';
import type { Message, ModelMachine, Transition } from './model.js';

/**
 * A machine's start.
 * @throws RangeError where it does anything before its first message: nobody would hear of it
 */
export function startOf({ name, machine, input, start }: ModelMachine): AnyMachineSnapshot {
  if (start !== undefined) return start;
  const [snapshot, [action]] = initialTransition(machine, input as never);
  if (action !== undefined) {
    throw new RangeError(
      `${name} runs ${action.type} at its start: what is on its way then belongs in inFlight`,
    );
  }
  return snapshot as AnyMachineSnapshot;
}

/**
 * A machine's answer, by xstate's public `transition()`.
 * @throws Error where the machine does more than assign and emit
 */
export function publicStep(
  { name, machine }: ModelMachine,
  snapshot: AnyMachineSnapshot,
  message: Message,
): Transition {
  const [next, actions] = transition(machine, snapshot as never, message as never);
  const sent = actions.map((action) => {
    // xstate's types leave emit out.
    const { type, params } = action as { readonly type: string; readonly params: unknown };
    if (type !== 'xstate.emit') {
      throw new Error(`${name} ran ${type} on ${message.type}: only assign and emit are pure`);
    }
    return (params as { readonly event: Message }).event;
  });
  return { snapshot: next as AnyMachineSnapshot, sent };
}

/** Whether a machine takes a message where it stands. One whose guard fails takes it, and fails. */
export function isTaken(snapshot: AnyMachineSnapshot, message: Message): boolean {
  try {
    return snapshot.can(message);
  } catch {
    return true;
  }
}

/** A machine's answer, by the way that its model prefers. */
export const stepped = (machine: ModelMachine, snapshot: AnyMachineSnapshot, message: Message): Transition =>
  machine.step === undefined ? publicStep(machine, snapshot, message) : machine.step(snapshot, message);

/** The part of a local state that tells it from others. */
export const localText = (
  { canonical }: ModelMachine,
  { value, context }: AnyMachineSnapshot,
  known?: KnownTexts,
): string => canonicalText([value, canonical === undefined ? context : canonical(context)], known);
