import type { Trace, TraceStep } from '@spapr-dma/checker';
import { type AnyMessage, type Choice, ENVIRONMENT } from '@spapr-dma/system';

/** With a handover before what is taken together with it. */
function choicesOfStep({ from, to, message, lane, offer }: TraceStep): readonly Choice[] {
  const { handover } = (offer ?? {}) as { readonly handover?: string };
  const choice = choiceOf({ from, to, message, lane });
  return handover === undefined
    ? [choice]
    : [{ kind: 'reroute', component: 'qemu-spapr', to: handover }, choice];
}

function choiceOf({ from, to, message, lane }: Pick<TraceStep, 'from' | 'to' | 'message' | 'lane'>): Choice {
  const { thread } = message as AnyMessage;
  if (from === ENVIRONMENT) return { kind: 'offer', to, message: message as AnyMessage };
  // A machine that moves by itself: only its own threads do.
  if (lane === null) return { kind: 'step', to, thread: thread! };
  return { kind: 'deliver', from, to, ...(thread === undefined ? {} : { thread }) };
}

/** A path of the checker as choices for the system's drivers, to be taken from the model's start on. */
export const choicesOfTrace = ({ steps }: Trace): readonly Choice[] => steps.flatMap(choicesOfStep);
