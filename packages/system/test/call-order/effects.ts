import type { Effect, OpalCall } from '@spapr-dma/protocol';
import type { Moved } from '../../src/choices.ts';
import type { AnyMessage } from '../../src/participants.ts';
import type { Follower } from './guided-run.ts';
import { isComplete, type ModelCall, matched, nextCall, type Progress } from './matching.ts';

/** What the probe on a call into OPAL showed, of the message that stands for it; null for any other message. */
function opalCallOf(message: AnyMessage): ModelCall | null {
  const call = message as unknown as OpalCall;
  const { type: fn } = call;
  switch (call.type) {
    case 'opal_pci_map_pe_dma_window': {
      const { phb, pe, tve: win, levels, topLevelBytes: size, pageBytes: pgsz } = call;
      return { fn, args: { phb, pe, win, levels, size, pgsz }, times: 1 };
    }
    case 'opal_pci_map_pe_dma_window_real': {
      const { phb, pe, tve: win, start, size } = call;
      return { fn, args: { phb, pe, win, start, size }, times: 1 };
    }
    case 'opal_pci_tce_kill':
      return { fn, args: {}, times: 1 };
    default:
      return null;
  }
}

/** The functions that ran in a step, in their order. `count` of an effect is how often in a row. */
export const callsOf = ({ sent }: Moved): readonly ModelCall[] =>
  sent.flatMap(({ message }): readonly ModelCall[] => {
    if (message.type !== 'effect') return [opalCallOf(message)].filter((call) => call !== null);
    const { fn, args } = message as unknown as Effect;
    const { count, ...rest } = args;
    return [{ fn, args: rest, times: Number(count ?? 1) }];
  });

/** How far an operation has been explained, and what it returned. */
export interface OperationProgress extends Progress {
  readonly answers: readonly AnyMessage[];
  /** Whether the recording stops in the middle of the operation: what runs after its last function is not known. */
  readonly cutShort: boolean;
}

const ANSWERS: readonly string[] = ['vfio-return', 'kvm-return', 'host-return', 'host-done'];

const answersIn = ({ sent }: Moved): readonly AnyMessage[] =>
  sent
    .filter(({ to, message }) => to === 'environment' && ANSWERS.includes(message.type))
    .map(({ message }) => message);

/** Holds what ran against what was recorded. */
export const EFFECTS: Follower<OperationProgress> = {
  after: (progress, moved) => {
    let next: Progress = progress;
    for (const call of callsOf(moved)) {
      if (progress.cutShort && isComplete(next)) break;
      const reached = matched(next, call);
      if (typeof reached === 'string') return reached;
      next = reached;
    }
    return { ...progress, ...next, answers: [...progress.answers, ...answersIn(moved)] };
  },
  isComplete,
  expected: (progress) => nextCall(progress)?.fn ?? 'nothing',
  length: ({ at, seen }) => at + seen / 0x1_0000,
};

/** Lets everything happen and holds it against nothing. */
export const ANYTHING: Follower<OperationProgress> = {
  after: (progress, moved) => ({ ...progress, answers: [...progress.answers, ...answersIn(moved)] }),
  isComplete: () => true,
  expected: () => 'anything',
  length: () => 0,
};
