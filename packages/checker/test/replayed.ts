import { machineNamed } from '../src/layout.ts';
import type { Model } from '../src/model.ts';
import {
  isGuarded,
  type NaiveState,
  naiveChoices,
  naiveMove,
  naiveStart,
  naiveView,
} from '../src/naive-steps.ts';
import type { Trace, TraceStep } from '../src/result.ts';

const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part));

/**
 * The state to which a trace leads, played from the start with xstate's own `transition()`. Observers are not asked.
 * @throws Error for a step that cannot be taken, or that sends something else
 */
export function replayed(model: Model, { steps }: Trace): NaiveState {
  return steps.reduce((state, step) => stepped(model, state, step), naiveStart(model));
}

function stepped(model: Model, state: NaiveState, step: TraceStep): NaiveState {
  const machine = machineNamed(model, step.to);
  const wanted = textOf([step.message, step.lane, step.lane === null ? null : step.from, step.offer]);
  const choice = naiveChoices(model, state).find(
    (each) =>
      each.machine === machine &&
      wanted ===
        textOf([
          each.message,
          each.delivered?.lane ?? null,
          each.delivered?.from ?? null,
          each.offer?.label ?? null,
        ]),
  );
  if (choice === undefined) throw new Error(`step ${step.n} cannot be taken: ${wanted}`);
  const { after, sent } = naiveMove(model, state, choice);
  if (textOf(sent) !== textOf(step.sent)) throw new Error(`step ${step.n} sends ${textOf(sent)}`);
  return after;
}

/** What is wrong about a state, as far as an invariant or a deadlock says so. */
export function wrongAt(model: Model, state: NaiveState): readonly string[] {
  const isAtRest = naiveChoices(model, state).length === 0;
  return model.properties.flatMap((property) => {
    if (!isGuarded(model, state, property.reads)) return [];
    const view = naiveView(model, state, property.reads);
    if (property.kind === 'invariant') return property.judge(view).violation ?? [];
    return property.kind === 'deadlock' && isAtRest ? (property.waits(view) ?? []) : [];
  });
}
