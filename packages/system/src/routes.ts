import type { Component } from '@spapr-dma/protocol';
import { type Routes, receiverOf } from './channels.js';
import type { AnyMessage, Participant } from './participants.js';

/** Each component's first participant answers to it. */
export function initialRoutes(participants: readonly Participant[]): Routes {
  const routes: Record<string, string> = {};
  for (const { name, component } of participants) routes[component] ??= name;
  return routes;
}

/** The participant that takes a message of a sender: one beside the sender, else whoever answers to the component. */
export function receiverFor(
  participants: readonly Participant[],
  routes: Routes,
  sender: string,
  message: AnyMessage,
): string {
  const host = participants.find(({ name }) => name === sender)?.host;
  const beside =
    host === undefined
      ? undefined
      : participants.find((each) => each.host === host && each.component === message.to);
  return beside?.name ?? receiverOf(routes, message);
}

/** Routes to another participant; with one on another host, to all that run there. */
export function routesTo(participants: readonly Participant[], component: Component, to: string): Routes {
  const host = participants.find(({ name }) => name === to)?.host;
  const there = host === undefined ? [] : participants.filter((each) => each.host === host);
  return { ...Object.fromEntries(there.map((each) => [each.component, each.name])), [component]: to };
}
