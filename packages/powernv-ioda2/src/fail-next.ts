import type { FailNext, OpalCode } from '@spapr-dma/protocol';
import type { Running } from './sent.js';

/** Makes the next call of that name fail, after those that were asked for before. */
export function failNext(running: Running, { call, code }: FailNext): void {
  const { powernv } = running;
  const after = powernv.failing.findLastIndex((each) => each.call <= call) + 1;
  running.powernv = { ...powernv, failing: powernv.failing.toSpliced(after, 0, { call, code }) };
}

/** Whether a call of that name fails now. */
export const willFail = ({ powernv }: Running, call: FailNext['call']): boolean =>
  powernv.failing.some((each) => each.call === call);

/** How a call of that name ends, which forgets what was asked of it. */
export function failureOf(running: Running, call: FailNext['call']): OpalCode {
  const { powernv } = running;
  const at = powernv.failing.findIndex((each) => each.call === call);
  if (at < 0) return 'OPAL_SUCCESS';
  running.powernv = { ...powernv, failing: powernv.failing.toSpliced(at, 1) };
  return powernv.failing[at]!.code;
}
