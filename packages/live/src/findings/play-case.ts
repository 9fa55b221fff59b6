import type { WindowSwitches } from '@spapr-dma/qemu-spapr';
import { type QemuAnswer, QemuSpecification } from '@spapr-dma/trace';
import { isDmaSafe } from '../machine/layout.js';
import type { LiveCase } from '../shrink/shrink.js';
import type { CallTarget, StartTarget } from '../target.js';
import { type Asked, ask, leave, type Specified } from './ask.js';

/** Calls that are made at once; what they show ends what is played. */
const BATCH = 4096;

/** The calls of a case up to the abort that the specification foresees; null where it knows no such machine. */
export function specified({ machine, calls }: LiveCase, switches: Partial<WindowSwitches>): Specified | null {
  let specification: QemuSpecification;
  try {
    specification = new QemuSpecification(machine, switches);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
  const expected: QemuAnswer[] = [];
  for (const call of calls) {
    const answer = specification.step(call);
    expected.push(answer);
    if (answer.kind === 'abort') break;
  }
  return { calls: calls.slice(0, expected.length), expected };
}

/** No transfer reaches the program that makes the calls, or its mail: it would be another program then. */
export const isHarmless = ({ expected }: Specified): boolean =>
  expected.every(
    (answer) =>
      answer.kind !== 'dma' ||
      answer.pieces.every(
        ({ gpa, bytes, outcome }) => outcome !== 'ram' || gpa === null || isDmaSafe(gpa, bytes),
      ),
  );

/**
 * Makes the calls of a case on a fresh machine.
 * @throws what `start` throws
 */
export async function playCase(
  start: StartTarget,
  machine: LiveCase['machine'],
  made: Specified,
): Promise<Asked> {
  const target = await start(machine);
  return leave(target, made, await playOn(target, made));
}

async function playOn(target: CallTarget, { calls, expected }: Specified): Promise<Asked> {
  const answers: QemuAnswer[] = [];
  for (let from = 0; from < calls.length; from += BATCH) {
    const to = from + BATCH;
    const asked = await ask(target, { calls: calls.slice(from, to), expected: expected.slice(from, to) });
    answers.push(...asked.answers);
    if (asked.shown !== null) return { answers, shown: { ...asked.shown, at: from + asked.shown.at } };
  }
  return { answers, shown: null };
}
