import type { Trace, TraceStep } from '@spapr-dma/checker';
import { type AnyMessage, type Choice, ENVIRONMENT } from '@spapr-dma/system';

function choiceOfStep({ from, to, message, lane }: TraceStep): Choice {
  const { thread } = message as AnyMessage;
  if (from === ENVIRONMENT) return { kind: 'offer', to, message: message as AnyMessage };
  // A machine that moves by itself: only its own threads do.
  if (lane === null) return { kind: 'step', to, thread: thread! };
  return { kind: 'deliver', from, to, ...(thread === undefined ? {} : { thread }) };
}

/** A path of the checker as choices for the system's drivers, to be taken from the model's start on. */
export const choicesOfTrace = ({ steps }: Trace): readonly Choice[] => steps.map(choiceOfStep);
