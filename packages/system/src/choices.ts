import type { Component, ThreadId } from '@spapr-dma/protocol';
import type { AnyMachineSnapshot } from 'xstate';
import {
  type Channels,
  enqueued,
  foremost,
  type Routed,
  type Routes,
  redirected,
  without,
} from './channels.js';
import { type AnyMessage, ENVIRONMENT, type Participant } from './participants.js';
import { receiverFor, routesTo } from './routes.js';

/** Everything there is at one moment: where each machine stands, and what is in flight. */
export interface SystemState {
  readonly snapshots: Readonly<Record<string, AnyMachineSnapshot>>;
  readonly channels: Channels;
  readonly routes: Routes;
}

/** A message that the environment would send, and to which participant. */
export interface Offer {
  readonly to: string;
  readonly message: AnyMessage;
}

/** What may happen next. Both drivers take nothing else. */
export type Choice =
  /**
   * The oldest message of a thread arrives; without a thread the oldest that has none, or else the oldest of all.
   */
  | { readonly kind: 'deliver'; readonly from: string; readonly to: string; readonly thread?: ThreadId }
  /** The environment's message arrives. */
  | { readonly kind: 'offer'; readonly to: string; readonly message: AnyMessage }
  /** A thread moves by itself. */
  | { readonly kind: 'step'; readonly to: string; readonly thread: ThreadId }
  /**
   * Another participant answers to a component from now on, and gets what waited for the old one; with it all that
   * run on the same host.
   */
  | { readonly kind: 'reroute'; readonly component: Component; readonly to: string };

/** The message that drives a thread. */
export const stepMessage = ({ name, component }: Participant, thread: ThreadId): Routed => ({
  from: ENVIRONMENT,
  to: name,
  message: { type: 'step', from: ENVIRONMENT, to: component, thread },
});

/** Whether a machine takes a message where it stands. */
export const takes = (snapshot: AnyMachineSnapshot | undefined, message: AnyMessage): boolean =>
  snapshot?.can(message) ?? false;

/** Who may move next, in a fixed order: messages in flight, threads, then the environment. */
export function choicesOf(
  participants: readonly Participant[],
  { snapshots, channels }: SystemState,
  offers: readonly Offer[] = [],
): readonly Choice[] {
  const deliveries = channels.flatMap((channel) => {
    const { from, to } = channel;
    return foremost(channel)
      .filter((message) => takes(snapshots[to], message))
      .map(
        ({ thread }): Choice => ({ kind: 'deliver', from, to, ...(thread === undefined ? {} : { thread }) }),
      );
  });
  const steps = participants.flatMap((participant) => {
    const snapshot = snapshots[participant.name]!;
    return participant
      .threads(snapshot.context as never)
      .filter((thread) => takes(snapshot, stepMessage(participant, thread).message))
      .map((thread): Choice => ({ kind: 'step', to: participant.name, thread }));
  });
  const offered = offers
    .filter(({ to, message }) => takes(snapshots[to], message))
    .map(({ to, message }): Choice => ({ kind: 'offer', to, message }));
  return [...deliveries, ...steps, ...offered];
}

/** What a choice does to the messages in flight, before any machine moves. */
export interface Taken {
  readonly channels: Channels;
  readonly routes: Routes;
  /** What arrives, and where; null where nothing does. */
  readonly arriving: Routed | null;
}

/**
 * Takes a choice: the part of a step that both drivers have in common.
 * @throws RangeError for a choice that the state does not offer
 */
export function taken(participants: readonly Participant[], state: SystemState, choice: Choice): Taken {
  const { channels, routes } = state;
  switch (choice.kind) {
    case 'deliver': {
      const { from, to, thread } = choice;
      const waiting = channels.find((channel) => channel.from === from && channel.to === to)?.messages ?? [];
      const first = thread === undefined ? waiting[0] : undefined;
      const message = waiting.find((each) => each.thread === thread) ?? first;
      if (message === undefined) throw new RangeError(`nothing is on its way from ${from} to ${to}`);
      return { channels: without(channels, from, to, message), routes, arriving: { from, to, message } };
    }
    case 'offer': {
      const { to, message } = choice;
      return { channels, routes, arriving: { from: ENVIRONMENT, to, message } };
    }
    case 'step': {
      const participant = participants.find(({ name }) => name === choice.to);
      if (participant === undefined) throw new RangeError(`there is no ${choice.to}`);
      return { channels, routes, arriving: stepMessage(participant, choice.thread) };
    }
    case 'reroute': {
      const next = routesTo(participants, choice.component, choice.to);
      const moved = Object.entries(next).reduce((waiting, [component, to]) => {
        const old = routes[component as Component];
        return old === undefined ? waiting : redirected(waiting, old, to);
      }, channels);
      return { channels: moved, routes: { ...routes, ...next }, arriving: null };
    }
  }
}

/** What a step did. */
export interface Moved {
  readonly choice: Choice;
  readonly state: SystemState;
  /** The message that arrived; null where a choice only changed routes or channels. */
  readonly delivered: Routed | null;
  readonly sent: readonly Routed[];
}

/** A machine took a message that it knows nothing of, or one failed: the run cannot go on. */
export class RunError extends Error {
  override readonly name = 'RunError';
  readonly arriving: Routed | null;
  constructor(why: string, arriving: Routed | null) {
    super(arriving === null ? why : `${arriving.to} on ${arriving.message.type}: ${why}`);
    this.arriving = arriving;
  }
}

/** Adds addresses to what a participant sent. An `unexpected` among it stops the run. */
export function routed(
  participants: readonly Participant[],
  routes: Routes,
  arriving: Routed,
  sent: readonly AnyMessage[],
): readonly Routed[] {
  return sent.map((message) => {
    if (message.type === 'unexpected') throw new RunError('the machine does not expect it', arriving);
    return { from: arriving.to, to: receiverFor(participants, routes, arriving.to, message), message };
  });
}

/** Joins what a machine did to the rest of the state: the other part that both drivers have in common. */
export function moved(
  state: SystemState,
  choice: Choice,
  { channels, routes, arriving }: Taken,
  snapshots: SystemState['snapshots'],
  sent: readonly Routed[],
): Moved {
  return {
    choice,
    state: { ...state, snapshots, channels: enqueued(channels, sent), routes },
    delivered: arriving,
    sent,
  };
}
