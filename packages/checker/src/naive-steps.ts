import type { AnyMachineSnapshot } from 'xstate';
import { canonicalText } from './canonical-text.js';
import { machineNamed } from './layout.js';
import { isTaken, localText, publicStep, startOf } from './machines.js';
import { type Address, ENVIRONMENT, type InFlight, type Message, type Model, type Offer } from './model.js';
import type { Reads, View } from './property.js';
import type { TraceStep } from './result.js';

/** A global state as it is: nothing stands for anything else. */
export interface NaiveState {
  /** By place of the machine in the model. */
  readonly snapshots: readonly AnyMachineSnapshot[];
  /** The same; lanes in order of their senders and names, and the messages of each oldest first. */
  readonly inboxes: readonly (readonly InFlight[])[];
  readonly environment: unknown;
  /** By place of the property in the model; null for those that have no memory. */
  readonly memories: readonly unknown[];
}

/** Something that may happen next. */
export interface NaiveChoice {
  /** The place of the machine that takes the message. */
  readonly machine: number;
  readonly message: Message;
  /** What is delivered; null for a machine's own move, and for an offer. */
  readonly delivered: InFlight | null;
  readonly offer: Offer<unknown> | null;
}

/** Where a sender's lanes go in an inbox: those of the environment last. */
const rankOf = (model: Model, sender: string): number =>
  sender === ENVIRONMENT ? model.machines.length : machineNamed(model, sender);

/** An inbox with one more message. */
function withMessage(model: Model, inbox: readonly InFlight[], added: InFlight): readonly InFlight[] {
  return [...inbox, added].sort(
    (a, b) =>
      rankOf(model, a.from) - rankOf(model, b.from) || (a.lane < b.lane ? -1 : a.lane > b.lane ? 1 : 0),
  );
}

export function naiveStart(model: Model): NaiveState {
  const inboxes: (readonly InFlight[])[] = model.machines.map(() => []);
  for (const each of model.inFlight ?? []) {
    const to = machineNamed(model, each.to);
    inboxes[to] = withMessage(model, inboxes[to]!, each);
  }
  return {
    snapshots: model.machines.map(startOf),
    inboxes,
    environment: model.environment?.initial ?? null,
    memories: model.properties.map((property) => (property.kind === 'observer' ? property.initial : null)),
  };
}

/** The part of a state that tells it from others. */
export function naiveKey(model: Model, state: NaiveState): string {
  const locals = state.snapshots.map((snapshot, at) => localText(model.machines[at]!, snapshot));
  return canonicalText([locals, state.inboxes, state.environment, state.memories]);
}

/** A state as somebody sees it who declared what he looks at. */
export function naiveView(model: Model, state: NaiveState, reads: Reads): View {
  const declared = (names: readonly string[] | undefined, name: string, what: string): number => {
    if (names?.includes(name)) return machineNamed(model, name);
    throw new RangeError(`${what} of ${name} was read and not declared`);
  };
  return {
    snapshot: (name) => state.snapshots[declared(reads.machines, name, 'the state')]!,
    inbox: (name) => state.inboxes[declared(reads.inboxes, name, 'the inbox')]!,
    environment: () => {
      if (reads.environment) return state.environment;
      throw new RangeError('the environment was read and not declared');
    },
  };
}

/** Whether all facts that somebody needs hold. */
export function isGuarded(
  model: Model,
  state: NaiveState,
  { guards = {}, inboxGuards = {} }: Reads,
): boolean {
  return (
    Object.entries(guards).every(([name, fact]) => fact(state.snapshots[machineNamed(model, name)]!)) &&
    Object.entries(inboxGuards).every(([name, fact]) => fact(state.inboxes[machineNamed(model, name)]!))
  );
}

/** All that may happen next, in order: deliveries and own moves machine by machine, then what is offered. */
export function naiveChoices(model: Model, state: NaiveState): readonly NaiveChoice[] {
  const moves = model.machines.flatMap((machine, at): readonly NaiveChoice[] => {
    const inbox = state.inboxes[at]!;
    const heads = inbox.filter(
      ({ from, lane }, n) => n === 0 || inbox[n - 1]!.from !== from || inbox[n - 1]!.lane !== lane,
    );
    const own = machine.ownMoves?.(state.snapshots[at]!.context) ?? [];
    return [
      ...heads.map((delivered) => ({ machine: at, message: delivered.message, delivered, offer: null })),
      ...own.map((message) => ({ machine: at, message, delivered: null, offer: null })),
    ].filter(({ message }) => isTaken(state.snapshots[at]!, message));
  });
  const offers = (model.environment?.sources ?? []).flatMap(({ reads = [], guards = {}, offers }) => {
    const needs: Reads = { machines: reads, guards };
    return isGuarded(model, state, needs) ? offers(state.environment, naiveView(model, state, needs)) : [];
  });
  const offered = offers
    .filter(({ whenIdle = false }) => !whenIdle || moves.length === 0)
    .map((offer) => ({
      machine: machineNamed(model, offer.to),
      message: offer.message,
      delivered: null,
      offer,
    }))
    .filter(({ machine, message }) => isTaken(state.snapshots[machine]!, message));
  return [...moves, ...offered];
}

/** What came of a choice, before any observer has seen it. */
export interface NaiveMove {
  readonly after: NaiveState;
  readonly sent: TraceStep['sent'];
  /** What the machine failed with; null where it did not. It then stays where it was. */
  readonly failure: string | null;
}

interface Addressed {
  readonly message: Message;
  readonly address: Address | null;
}

/** @throws RangeError where a message goes to nobody whom the model has */
function addressed(model: Model, message: Message, sender: string): Addressed {
  const address = model.route(message, sender);
  if (address !== null && address.to !== ENVIRONMENT) machineNamed(model, address.to);
  return { message, address };
}

/** Takes a choice. A machine that fails stays where it was. */
export function naiveMove(model: Model, before: NaiveState, choice: NaiveChoice): NaiveMove {
  const { machine: at, message, delivered, offer } = choice;
  const machine = model.machines[at]!;
  const snapshots = [...before.snapshots];
  const inboxes = [...before.inboxes];
  const { hears } = model.environment ?? {};
  let environment = offer === null ? before.environment : offer.next;
  if (delivered !== null) inboxes[at] = inboxes[at]!.filter((each) => each !== delivered);
  let answer: { readonly snapshot: AnyMachineSnapshot; readonly sent: readonly Addressed[] };
  let failure: string | null = null;
  try {
    const { snapshot, sent } = publicStep(machine, before.snapshots[at]!, message);
    answer = { snapshot, sent: sent.map((message) => addressed(model, message, machine.name)) };
  } catch (error) {
    answer = { snapshot: before.snapshots[at]!, sent: [] };
    failure = error instanceof Error ? error.message : String(error);
  }
  snapshots[at] = answer.snapshot;
  for (const { message, address } of answer.sent) {
    if (address === null) continue;
    if (address.to === ENVIRONMENT) {
      if (hears !== undefined) environment = hears(environment, message, machine.name);
      continue;
    }
    const to = machineNamed(model, address.to);
    inboxes[to] = withMessage(model, inboxes[to]!, { from: machine.name, ...address, message });
  }
  const sent = answer.sent.map(({ message, address }) => ({ to: address?.to ?? null, message }));
  return { after: { snapshots, inboxes, environment, memories: before.memories }, sent, failure };
}
