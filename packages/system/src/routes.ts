import type { Routes } from './channels.js';
import type { Participant } from './participants.js';

/** Each component's first participant answers to it. */
export function initialRoutes(participants: readonly Participant[]): Routes {
  const routes: Record<string, string> = {};
  for (const { name, component } of participants) routes[component] ??= name;
  return routes;
}
