import { Follower } from '../../src/follow/follow.ts';
import { InputError } from '../../src/index.ts';
import type { Doctoring } from './doctor.ts';

/** What became of a falsified log. */
export interface Verdict {
  readonly doctoring: Doctoring;
  /** Line of the falsified log at which it was refused, from 1; null where it was accepted. */
  readonly refused: number | null;
}

/** Was it refused at a line that was touched, or that stands where one is missing? */
export const isAtTheLine = ({ doctoring: { at, head }, refused }: Verdict): boolean =>
  refused !== null && refused <= at + Math.max(1, head.length);

/** Line at which a follower refuses one more line, or null where it does not. */
function refusedBy(follower: Follower, line: Buffer): number | null {
  try {
    if (follower.take(line, 0, line.length)) return null;
    return follower.divergence?.line ?? follower.lines;
  } catch (error) {
    if (error instanceof InputError) return follower.lines;
    throw error;
  }
}

function refusedAtEnd(follower: Follower): number | null {
  follower.finish();
  return follower.divergence?.line ?? null;
}

/** How often a false log's machine is held against the true one's: once they agree, it is accepted. */
const COMPARED_EVERY = 16;
/** Lines after the last false one for which a copy is followed; what is not refused by then counts as accepted. */
export const HORIZON = 5000;

/** A falsified copy that follows its own way beside the true log. */
interface Copy {
  readonly doctoring: Doctoring;
  readonly follower: Follower;
}

/** What becomes of each falsified copy of a log, in one pass over the true one. */
export function verdictsOn(lines: readonly Buffer[], doctorings: readonly Doctoring[]): readonly Verdict[] {
  const verdicts: Verdict[] = [];
  const truth = new Follower({});
  let copies: readonly Copy[] = [];
  let next = 0;
  const judged = (copy: Copy, refused: number | null): boolean => {
    if (refused !== null) verdicts.push({ doctoring: copy.doctoring, refused });
    return refused === null;
  };
  for (const [at, line] of lines.entries()) {
    for (; doctorings[next]?.at === at; next++) {
      const copy = { doctoring: doctorings[next] as Doctoring, follower: truth.fork() };
      const heads = copy.doctoring.head.map((text) => Buffer.from(text, 'latin1'));
      if (heads.every((head) => judged(copy, refusedBy(copy.follower, head)))) copies = [...copies, copy];
    }
    copies = copies.filter((copy) => {
      const { resume, replaced } = copy.doctoring;
      if (at < resume) return true;
      const read = replaced?.at === at ? Buffer.from(replaced.text, 'latin1') : line;
      return judged(copy, refusedBy(copy.follower, read));
    });
    if (refusedBy(truth, line) !== null) throw new Error(`the true log is refused at line ${at + 1}`);
    if (at % COMPARED_EVERY > 0) continue;
    copies = copies.filter(({ doctoring, follower }) => {
      const last = Math.max(doctoring.resume, doctoring.replaced?.at ?? 0);
      if (at < last || (at < last + HORIZON && !follower.agreesWith(truth))) return true;
      verdicts.push({ doctoring, refused: null });
      return false;
    });
  }
  for (; next < doctorings.length; next++) {
    const doctoring = doctorings[next] as Doctoring;
    const follower = truth.fork();
    const [head = ''] = doctoring.head;
    const refused = refusedBy(follower, Buffer.from(head, 'latin1'));
    verdicts.push({ doctoring, refused: refused ?? refusedAtEnd(follower) });
  }
  for (const { doctoring, follower } of copies) {
    verdicts.push({ doctoring, refused: refusedAtEnd(follower) });
  }
  return verdicts;
}
