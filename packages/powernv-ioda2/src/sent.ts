import type {
  Cost,
  Effect,
  HostDmaDone,
  HostReturn,
  OpalCall,
  TableAccessReturn,
  TableGroupReturn,
  ThreadId,
  Unexpected,
} from '@spapr-dma/protocol';
import type { PowernvState } from './state.js';

/** Everything this machine sends. */
export type PowernvSent =
  | TableGroupReturn
  | TableAccessReturn
  | HostReturn
  | HostDmaDone
  | OpalCall
  | Effect
  | Cost
  | Unexpected<'powernv-ioda2'>;

/** What a call leaves behind and what it says, decided together so that they cannot disagree. */
export interface Outcome {
  readonly powernv: PowernvState;
  readonly sent: readonly PowernvSent[];
}

/**
 * A call on its way through the kernel: the state so far, and what was said so far. The functions of a call
 * follow each other as in the kernel, each going on where the one before left off. Nobody else sees it.
 */
export interface Running {
  powernv: PowernvState;
  readonly thread: ThreadId;
  readonly sent: PowernvSent[];
}

export const FROM_POWERNV = { from: 'powernv-ioda2', to: 'environment' } as const;

/** A function of the kernel that runs. */
export function ran(running: Running, fn: string, args: Effect['args'] = {}): void {
  running.sent.push({ type: 'effect', ...FROM_POWERNV, thread: running.thread, fn, args });
}

/** What it costs, unless it costs nothing. */
export function costs(running: Running, operation: Cost['operation'], count: number): void {
  if (count > 0) running.sent.push({ type: 'cost', ...FROM_POWERNV, operation, count });
}
