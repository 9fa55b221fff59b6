import { isTaken, stepped } from './machines.js';
import type { Message } from './model.js';
import type { Remembered, Sent } from './remembered.js';
import { NOT_TAKEN } from './tables.js';

interface Routed {
  readonly sent: readonly Sent[];
  /** [receiver, message] of each that somebody hears. */
  readonly sends: readonly number[];
}

function routed(remembered: Remembered, machine: number, messages: readonly Message[]): Routed {
  const sender = remembered.nameOf(machine);
  const sends: number[] = [];
  const sent = messages.map((message): Sent => {
    const address = remembered.model.route(message, sender);
    if (address === null) return { to: null, message };
    const to = remembered.placeOf(address.to);
    sends.push(to, remembered.messageNumber({ from: machine, to, lane: address.lane, message }));
    return { to: address.to, message };
  });
  return { sent, sends };
}

/** What a machine makes of a message: the number of a transition, or of none where it does not take it. */
export function answerTransition(remembered: Remembered, key: readonly number[]): number {
  const [machine, local, number] = key as [number, number, number];
  const { tables } = remembered;
  const snapshot = remembered.locals[machine]!.at(local);
  const { message } = remembered.messages.at(number);
  if (!isTaken(snapshot, message)) {
    tables.transitions.add(key, NOT_TAKEN);
    return NOT_TAKEN;
  }
  remembered.asked += 1;
  const id = tables.addTransition(machine, local, number);
  tables.transitions.add(key, id);
  try {
    const next = stepped(remembered.model.machines[machine]!, snapshot, message);
    const { sent, sends } = routed(remembered, machine, next.sent);
    remembered.sent[id] = sent;
    tables.setTransition(id, remembered.localNumber(machine, next.snapshot), tables.sends.add(sends));
  } catch (error) {
    // A machine that fails stays where it was: the failure is what the search reports.
    remembered.sent[id] = [];
    remembered.failures.set(id, error instanceof Error ? error.message : String(error));
    tables.failures.add([id], 1);
    tables.setTransition(id, local, 0);
  }
  return id;
}

/** All that a machine can do with what is on its way to it, and by itself. */
export function answerMoves(remembered: Remembered, key: readonly number[]): number {
  const [machine, local, inbox] = key as [number, number, number];
  const { tables, inboxes } = remembered;
  const moves: number[] = [];
  const messages = inboxes.at(inbox);
  for (const at of inboxes.heads(messages)) {
    const transition = tables.transitionOf(machine, local, messages[at]!);
    if (transition !== NOT_TAKEN) moves.push(transition, inboxes.numberOf(messages.toSpliced(at, 1)));
  }
  const { context } = remembered.locals[machine]!.at(local);
  for (const message of remembered.model.machines[machine]!.ownMoves?.(context) ?? []) {
    // A machine that moves by itself is told so by the environment, by no lane.
    const number = remembered.messageNumber({
      from: remembered.layout.machines,
      to: machine,
      lane: '',
      message,
    });
    const transition = tables.transitionOf(machine, local, number);
    if (transition !== NOT_TAKEN) moves.push(transition, inbox);
  }
  const list = tables.moveLists.add(moves);
  tables.moves.add(key, list);
  return list;
}
