import { ALLOCATION_STATES, INDICATORS, ISOLATION_STATES } from '@spapr-dma/protocol';
import { isRtasBusy } from './create-ddw.js';
import type { DrcCall, DrcFrame } from './frames-hotplug.js';
import { statusOf } from './query-ddw.js';
import { ret, rtas, rtasAnswer, type Step, type StepFunction } from './steps.js';

/** Takes a PHB into use, as the kernel's log of calls shows it. @see [Linux] pseries/dlpar.c: dlpar_acquire_drc */
export const ACQUIRE_PHB: readonly DrcCall[] = [
  { set: 'ALLOCATION_STATE', to: ALLOCATION_STATES.USABLE },
  { set: 'ISOLATION_STATE', to: ISOLATION_STATES.UNISOLATED },
  { set: 'configure' },
];
/** Gives a PHB up. @see [Linux] pseries/dlpar.c: dlpar_release_drc */
export const RELEASE_PHB: readonly DrcCall[] = [
  { set: 'ISOLATION_STATE', to: ISOLATION_STATES.ISOLATED },
  { set: 'ALLOCATION_STATE', to: ALLOCATION_STATES.UNUSABLE },
];
/** The state of a slot's light while something is done to it. */
const DR_ACTIVE = 1;
/** Takes a slot into use: isolated, marked, and let in. */
export const ACQUIRE_SLOT: readonly DrcCall[] = [
  { set: 'ISOLATION_STATE', to: ISOLATION_STATES.ISOLATED },
  { set: 'DR', to: DR_ACTIVE },
  { set: 'ISOLATION_STATE', to: ISOLATION_STATES.UNISOLATED },
  { set: 'configure' },
];
/** A slot is marked before its driver goes, and isolated afterwards. */
export const MARK_SLOT: readonly DrcCall[] = [{ set: 'DR', to: DR_ACTIVE }];
export const RELEASE_SLOT: readonly DrcCall[] = [{ set: 'ISOLATION_STATE', to: ISOLATION_STATES.ISOLATED }];

export const drcFrame = (drcIndex: number, calls: readonly DrcCall[]): DrcFrame => ({
  fn: 'drc',
  at: 'begin',
  drcIndex,
  calls,
  done: 0,
});

/** `ibm,configure-connector` hands over a tree piece by piece, and is called until it has no more. */
const hasMore = (call: DrcCall, status: number): boolean =>
  isRtasBusy(status) || (call.set === 'configure' && status > 0 && status <= 4);

/**
 * Returns 0, or the first status that is none of success, busy and "there is more".
 *
 * Abstraction: the sensors that the tool reads before are not asked; they change nothing.
 * @see [LoPAR] "Dynamic Reconfiguration"
 */
export const drc: StepFunction<DrcFrame> = (kernel, frame, resumed) => {
  const perform = (done: number): Step => {
    const next = frame.calls[done];
    if (next === undefined) return ret(kernel, 0);
    const waiting: DrcFrame = { ...frame, at: 'calling', done };
    if (next.set === 'configure') {
      return rtas(kernel, waiting, { type: 'ibm,configure-connector', args: [frame.drcIndex, 0], nret: 1 });
    }
    return rtas(kernel, waiting, {
      type: 'set-indicator',
      args: [INDICATORS[next.set], frame.drcIndex, next.to],
      nret: 1,
    });
  };
  if (frame.at === 'begin') return perform(0);
  const status = statusOf(rtasAnswer(resumed));
  if (hasMore(frame.calls[frame.done]!, status)) return perform(frame.done);
  return status === 0 ? perform(frame.done + 1) : ret(kernel, status);
};
