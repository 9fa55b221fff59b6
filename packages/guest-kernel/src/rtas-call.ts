import type { RtasRequest, Step, StepFunction } from './frames.js';
import { lock, ret } from './frames.js';
import { unlocked } from './guest-state.js';

/** One RTAS call. */
export interface RtasCallFrame {
  readonly fn: 'rtas_call';
  readonly at: 'begin' | 'locked' | 'calling';
  readonly request: RtasRequest;
}

/**
 * Returns RTAS's answer. There is one call at a time in the whole guest, and the vCPU that makes it has
 * interrupts off until the answer is there; the others wait.
 * @see [Linux] arch/powerpc/kernel/rtas.c: rtas_call
 */
export const rtasCall: StepFunction<RtasCallFrame> = (kernel, frame, resumed): Step => {
  if (frame.at === 'begin') return lock(kernel, { ...frame, at: 'locked' }, 'rtas.lock');
  if (resumed.type === 'rtas-return') return ret(unlocked(kernel, 'rtas.lock'), resumed);
  const next = { do: 'rtas', frame: { ...frame, at: 'calling' }, request: frame.request } as const;
  return { kernel, reports: [], next };
};
