import type { SystemState } from '../choices.js';
import { PROPERTIES } from './index.js';
import type { AnyProperty, ObservedStep } from './property.js';

/** What is known of one property after some steps. */
export interface Watched {
  readonly property: AnyProperty;
  readonly memory: unknown;
  /** The first step that violated it, from 1, and how; null while it holds. */
  readonly violated: { readonly step: number; readonly text: string } | null;
  readonly reached: boolean;
}

export const unwatched = (properties: readonly AnyProperty[] = PROPERTIES): readonly Watched[] =>
  properties.map((property) => ({ property, memory: property.initial, violated: null, reached: false }));

/** What is known after one more step. */
export const watched = (before: readonly Watched[], step: ObservedStep, n: number): readonly Watched[] =>
  before.map((each) => {
    const { memory, violation, reached } = each.property.observe(each.memory, step);
    return {
      property: each.property,
      memory,
      violated: each.violated ?? (violation === null ? null : { step: n, text: violation }),
      reached: each.reached || reached,
    };
  });

/** What is known when nobody can move any more, after `n` steps. */
export const watchedAtRest = (
  before: readonly Watched[],
  state: SystemState,
  n: number,
): readonly Watched[] =>
  before.map((each) => {
    const text = each.violated === null ? (each.property.atRest?.(each.memory, state) ?? null) : null;
    return text === null ? each : { ...each, violated: { step: n, text } };
  });
