import type { Moved, SystemState } from '../choices.js';
import { messageText } from '../message-text.js';
import { ENVIRONMENT } from '../participants.js';
import { changesOf } from './changes.js';

/** One step of a path, for readers. */
export interface ExplainedStep {
  /** From 1. */
  readonly n: number;
  readonly from: string;
  readonly to: string;
  /** The name of the message that arrived. */
  readonly message: string;
  /** What became different at the receiver, one text each. */
  readonly changes: readonly string[];
  /** The step in one line. */
  readonly text: string;
}

/** Where a thread of a machine stands, as far as the machine says. */
function placeOf({ snapshots }: SystemState, participant: string, thread: string): string | null {
  const context = snapshots[participant]?.context as Readonly<Record<string, unknown>>;
  const lists = [context.threads, context.vcpus, context.ioctls, [context.rcu]].filter(Array.isArray).flat();
  const found = lists.find(
    (each): each is { readonly at: string } =>
      (each as { readonly thread?: string } | undefined)?.thread === thread && typeof each.at === 'string',
  );
  return found?.at ?? null;
}

function ownMoveText(to: string, thread: string, before: SystemState, after: SystemState): string {
  const [old, now] = [placeOf(before, to, thread), placeOf(after, to, thread)];
  const way = old === null || now === null || old === now ? '' : `, from ${old} to ${now}`;
  return `${thread} goes on in ${to}${way}`;
}

/** A step in words. */
export function explainedStep(
  { choice, delivered, state }: Moved,
  before: SystemState,
  n: number,
): ExplainedStep {
  if (delivered === null) {
    const text = choice.kind === 'reroute' ? `${choice.to} answers for ${choice.component}` : choice.kind;
    const to = choice.to;
    return { n, from: ENVIRONMENT, to, message: choice.kind, changes: [], text };
  }
  const { to, message } = delivered;
  const changes = changesOf(before.snapshots[to]!, state.snapshots[to]!);
  if (message.type === 'step') {
    return {
      n,
      from: to,
      to,
      message: 'step',
      changes,
      text: ownMoveText(to, message.thread ?? '', before, state),
    };
  }
  // Where nobody plays a component, the environment does, in its name.
  const from = delivered.from === ENVIRONMENT ? message.from : delivered.from;
  const says = messageText(message);
  const text = `${from} → ${to}: ${message.type}${says === '' ? '' : ` ${says}`}`;
  return { n, from, to, message: message.type, changes, text };
}
