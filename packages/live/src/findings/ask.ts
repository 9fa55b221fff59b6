import type { QemuAnswer, QemuCall } from '@spapr-dma/trace';
import type { CallTarget } from '../target.js';
import { lost, type Shown, shownBy } from './shown.js';

/** Calls and the answers that the specification gives to them; at least one. */
export interface Specified {
  readonly calls: readonly QemuCall[];
  readonly expected: readonly QemuAnswer[];
}

/** What came of calls. */
export interface Asked {
  /** Up to the one that shows something, or to the last. */
  readonly answers: readonly QemuAnswer[];
  readonly shown: Shown | null;
}

/** Makes calls and compares their answers. */
export async function ask(target: CallTarget, { calls, expected }: Specified): Promise<Asked> {
  let answers: readonly QemuAnswer[];
  try {
    answers = await target.play(calls);
  } catch (error) {
    return notAnswered(calls, expected, textOf(error));
  }
  const shown = shownBy(calls, expected, answers);
  if (shown === null) return { answers, shown };
  return { answers: [...answers.slice(0, shown.at), shown.observed], shown };
}

/**
 * Leaves a machine, which then looks whether something happened that no answer tells: that counts against the last call.
 */
export async function leave(
  target: CallTarget,
  { calls, expected }: Specified,
  asked: Asked,
): Promise<Asked> {
  try {
    await target.close();
    return asked;
  } catch (error) {
    // A machine that showed something has nothing to add.
    return asked.shown === null && calls.length > 0 ? notAnswered(calls, expected, textOf(error)) : asked;
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Nobody answers, and nobody knows which call is the reason: the last one is taken, and those before for answered as
 * specified.
 */
function notAnswered(calls: Specified['calls'], expected: Specified['expected'], why: string): Asked {
  const at = calls.length - 1;
  const observed = lost(why);
  const shown: Shown = { kind: 'difference', at, call: calls[at]!, expected: expected[at]!, observed };
  return { answers: [...expected.slice(0, at), observed], shown };
}
