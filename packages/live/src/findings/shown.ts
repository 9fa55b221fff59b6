import { answersAgree, type QemuAnswer, type QemuCall } from '@spapr-dma/trace';
import type { FindingKind } from '../run/report.js';

/** What some calls show: an answer that differs, or the end of a QEMU that the specification foresees. */
export interface Shown {
  readonly kind: FindingKind;
  /** The call's place, from 0 on. */
  readonly at: number;
  readonly call: QemuCall;
  readonly expected: QemuAnswer;
  readonly observed: QemuAnswer;
}

const LOST = 'no answer to compare';

/** What stands for the answer of a QEMU that does not answer any more, or did what nobody asked it for. */
export const lost = (why: string): QemuAnswer => ({ kind: 'abort', text: `${LOST}: ${why}` });

/** Was there no answer? Then nobody knows which of the last calls is the reason. */
export const isLost = ({ observed }: Shown): boolean =>
  observed.kind === 'abort' && observed.text.startsWith(LOST);

/** How it ended, without what changes with each end: places in the source, addresses, values. */
const endOf = (text: string): string =>
  /Assertion [`'](.+?)' failed/.exec(text)?.[1] ??
  text.replaceAll(/\b(0x)?[0-9a-f]*\d[0-9a-f]*\b/g, '#').trim();

/** Answers that mean the same have the same outcome, whatever the values are. */
function outcomeOf(answer: QemuAnswer): string {
  switch (answer.kind) {
    case 'hcall':
      return String(answer.rc);
    case 'rtas':
      return `${answer.rc} ${answer.rets[0]}`;
    case 'dma':
      return [...new Set(answer.pieces.map(({ outcome }) => outcome))].join(' ');
    case 'monitor':
      return answer.error === null ? 'done' : 'refused';
    case 'abort':
      return `abort ${endOf(answer.text)}`;
  }
}

/** What is shown that is of one kind has one key: it is told once, and counted. */
export function keyOf(shown: Shown): string {
  const { kind, call, expected, observed } = shown;
  const seen = outcomeOf(observed);
  if (isLost(shown)) return seen;
  return kind === 'abort' ? `${call.op}: ${seen}` : `${call.op}: ${outcomeOf(expected)} | ${seen}`;
}

/**
 * What the answers to some calls show first, or null.
 * @param observed ends with the first abort; one that is missing otherwise was not given
 */
export function shownBy(
  calls: readonly QemuCall[],
  expected: readonly QemuAnswer[],
  observed: readonly QemuAnswer[],
): Shown | null {
  for (const [at, call] of calls.entries()) {
    const wanted = expected[at];
    if (wanted === undefined) return null;
    const given = observed[at] ?? lost('the call was passed over');
    if (!answersAgree(wanted, given))
      return { kind: 'difference', at, call, expected: wanted, observed: given };
    if (given.kind === 'abort') return { kind: 'abort', at, call, expected: wanted, observed: given };
  }
  return null;
}
