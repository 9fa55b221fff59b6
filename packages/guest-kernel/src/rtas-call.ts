import type { RtasCallFrame } from './frames-firmware.js';
import { unlocked } from './guest-state.js';
import { lock, ret, type Step, type StepFunction } from './steps.js';

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
