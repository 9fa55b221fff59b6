import type { Component } from '@spapr-dma/protocol';
import { type AnyMessage, ENVIRONMENT } from './participants.js';

/**
 * Messages in flight: one queue for each pair of sender and receiver, oldest first. Only messages of one thread keep
 * their order, and those without a thread among themselves: a system call's return does not wait behind another
 * vCPU's hypercall. Empty queues are left out, so equal contents are equal values.
 */
export interface Channel {
  readonly from: string;
  readonly to: string;
  readonly messages: readonly AnyMessage[];
}
/** In the order of their names. */
export type Channels = readonly Channel[];

/** Which participant answers to each component; a component that is not named is played by the environment. */
export type Routes = Readonly<Partial<Record<Component, string>>>;

/** A message with the participants it travels between. */
export interface Routed {
  readonly from: string;
  readonly to: string;
  readonly message: AnyMessage;
}

export const receiverOf = (routes: Routes, message: AnyMessage): string => routes[message.to] ?? ENVIRONMENT;

const before = (a: Channel, b: Channel): number =>
  a.from === b.from ? (a.to < b.to ? -1 : 1) : a.from < b.from ? -1 : 1;

function withChannel(channels: Channels, channel: Channel): Channels {
  const others = channels.filter(({ from, to }) => from !== channel.from || to !== channel.to);
  return channel.messages.length === 0 ? others : [...others, channel].sort(before);
}

export const waitingIn = (channels: Channels, from: string, to: string): readonly AnyMessage[] =>
  channels.find((channel) => channel.from === from && channel.to === to)?.messages ?? [];

/** The same channels with messages put at the ends of theirs. What is for the environment arrives at once. */
export function enqueued(channels: Channels, sent: readonly Routed[]): Channels {
  let next = channels;
  for (const { from, to, message } of sent) {
    if (to === ENVIRONMENT) continue;
    next = withChannel(next, { from, to, messages: [...waitingIn(next, from, to), message] });
  }
  return next;
}

/** The oldest message of each thread, and the oldest without one. */
export function foremost({ messages }: Channel): readonly AnyMessage[] {
  if (messages.length < 2) return messages;
  return messages.filter(
    ({ thread }, at) => messages.findIndex((earlier) => earlier.thread === thread) === at,
  );
}

/** The same channels without one message. */
export const without = (channels: Channels, from: string, to: string, message: AnyMessage): Channels => {
  const messages = waitingIn(channels, from, to);
  const at = messages.indexOf(message);
  return withChannel(channels, { from, to, messages: messages.toSpliced(at, 1) });
};

/** What waited for one participant waits for another from now on. */
export function redirected(channels: Channels, from: string, to: string): Channels {
  let next = channels;
  for (const channel of channels) {
    if (channel.to !== from) continue;
    next = withChannel(next, { ...channel, messages: [] });
    next = withChannel(next, {
      ...channel,
      to,
      messages: [...waitingIn(next, channel.from, to), ...channel.messages],
    });
  }
  return next;
}
