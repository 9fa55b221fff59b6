import type { Model } from './model.js';
import { PromelaCells } from './promela-cells.js';
import { explored } from './promela-explored.js';
import { invariantsCode, observersCode } from './promela-properties.js';
import {
  idleCode,
  movesCode,
  offeredCode,
  offersCode,
  type PromelaParts,
  sendsCode,
} from './promela-steps.js';
import { C_HELPERS, PromelaTables } from './promela-tables.js';

/** A model for Spin, and what Spin must find in it. */
export interface PromelaModel {
  /** Promela with C in it, for `spin -o3 -a`; with `-DASSERT`, what Spin visits ends where an invariant does. */
  readonly text: string;
  /** States between two steps: what Spin calls stored. */
  readonly states: number;
  readonly transitions: number;
  /** Invariants that Spin holds against each state after a step with `-DASSERT`. */
  readonly asserted: readonly string[];
}

/**
 * A model as tables for the verifier of Spin: its states are the rows of our store, and each global step is one
 * `d_step`. The model is explored for that, whole and without reductions; steps are looked up, not asked again.
 * @throws RangeError for a model with more than `PROMELA_TRANSITIONS_MAX` transitions to remember
 * @see [Spin] c_code, c_expr, d_step
 */
export function promelaOf(model: Model): PromelaModel {
  const { remembered, start, states, transitions } = explored(model);
  const { layout } = remembered;
  const data = new PromelaTables();
  const parts: PromelaParts = { remembered, cells: new PromelaCells(layout, start), data };
  const sends = sendsCode(parts);
  const observers = observersCode(parts);
  const machines = Array.from({ length: layout.machines }, (_, machine) => movesCode(parts, machine));
  const sources = layout.offers.map((_, source) => offersCode(parts, source));
  const invariants = invariantsCode(parts);
  const functions = [
    'static const int *picked;\nstatic int offeredTransition;',
    sends,
    observers,
    ...machines.map(({ code }) => code),
    ...(sources.length === 0 ? [] : [idleCode(layout.machines), offeredCode(parts)]),
    ...sources.map(({ code }) => code),
    invariants.code,
  ];
  const option = (guard: string, effect: string): string =>
    `  :: d_step { c_expr { (${guard}) }; c_code { ${effect}(); } CHECK }`;
  const options = [
    ...machines.flatMap(({ most }, machine) =>
      Array.from({ length: most }, (_, n) => option(`move${machine}(${n})`, `moved${machine}`)),
    ),
    ...sources.flatMap(({ most }, source) =>
      Array.from({ length: most }, (_, n) => option(`offer${source}(${n})`, 'offered')),
    ),
  ];
  const text = `${titleOf(model, invariants.asserted)}
${data.text()}
${C_HELPERS}
${parts.cells.text()}
${functions.map((code) => `c_code {\n${code}\n}`).join('\n')}
#ifdef ASSERT
#define CHECK ; c_code [isRight()] { ; }
#else
#define CHECK
#endif
active proctype model()
{
end:
  do
${(options.length === 0 ? ['  :: false -> skip'] : options).join('\n')}
  od
}
`;
  return { text, states, transitions, asserted: invariants.asserted };
}

/** Names from a model in a comment. */
const commented = (text: string): string => text.replaceAll('*/', '* /');

function titleOf({ name, machines, properties }: Model, asserted: readonly string[]): string {
  const left = properties.filter((property) => !asserted.includes(property.name));
  const lines = [
    `${name}: what its machines do, as tables.`,
    ...machines.map((machine, at) => `local${at}, inbox${at}: ${machine.name} and what is on its way to it.`),
    ...(asserted.length === 0 ? [] : [`Asserted: ${asserted.join(', ')}.`]),
    ...(left.length === 0 ? [] : [`Not asserted: ${left.map((property) => property.name).join(', ')}.`]),
  ];
  return `/*\n${lines.map((line) => ` * ${commented(line)}`).join('\n')}\n */`;
}
