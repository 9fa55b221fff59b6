/**
 * Some of these models once more, written down without machines: what is counted here shares nothing with the checker
 * but the reader's understanding of the algorithm.
 */

interface Counts {
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
}

/** Counts what can be reached. A state is anything that JSON can write. */
function counted<State>(start: State, next: (state: State) => readonly State[]): Counts {
  const seen = new Set([JSON.stringify(start)]);
  let level = [start];
  let transitions = 0;
  let depth = -1;
  for (; level.length > 0; depth += 1) {
    const further: State[] = [];
    for (const after of level.flatMap(next)) {
      transitions += 1;
      const text = JSON.stringify(after);
      if (seen.has(text)) continue;
      seen.add(text);
      further.push(after);
    }
    level = further;
  }
  return { states: seen.size, transitions, depth };
}

/** Of one process. */
interface Waiter {
  readonly at: 'idle' | 'waiting' | 'critical';
  /** What it has posted to the memory: F and f raise and lower its flag, T gives the turn away, R reads. */
  readonly posted: string;
  /** The answer on its way to it. */
  readonly answer: '' | 'yes' | 'no';
}

interface Lock {
  readonly waiters: readonly [Waiter, Waiter];
  readonly flags: readonly [boolean, boolean];
  readonly turn: number;
}

interface Kind {
  /** What a process posts when it wants to enter. */
  readonly opening: string;
  readonly mayEnter: (lock: Lock, by: number) => boolean;
  /** The flags after a process has raised, lowered or read them. */
  readonly flags: (lock: Lock, by: number, done: string) => readonly [boolean, boolean];
}

const replaced = <Each>(pair: readonly [Each, Each], at: number, by: Each): readonly [Each, Each] =>
  at === 0 ? [by, pair[1]] : [pair[0], by];

/** Whatever one process, or the memory on its behalf, can do next. */
function stepsOf(kind: Kind, lock: Lock, by: number): readonly Lock[] {
  const waiter = lock.waiters[by]!;
  const { at, posted, answer } = waiter;
  const as = (change: Partial<Waiter>, rest: Partial<Lock> = {}): Lock => ({
    ...lock,
    ...rest,
    waiters: replaced(lock.waiters, by, { ...waiter, ...change }),
  });
  const steps: Lock[] = [];
  if (at === 'idle') steps.push(as({ at: 'waiting', posted: posted + kind.opening }));
  if (at === 'critical') steps.push(as({ at: 'idle', posted: `${posted}f` }));
  if (answer === 'yes') steps.push(as({ at: 'critical', answer: '' }));
  if (answer === 'no') steps.push(as({ answer: '', posted: `${posted}R` }));
  if (posted !== '') {
    const done = posted[0]!;
    const change: Partial<Waiter> = { posted: posted.slice(1) };
    const rest = { flags: kind.flags(lock, by, done), turn: done === 'T' ? 1 - by : lock.turn };
    steps.push(
      as(done === 'R' ? { ...change, answer: kind.mayEnter(lock, by) ? 'yes' : 'no' } : change, rest),
    );
  }
  return steps;
}

function lockCounts(kind: Kind): Counts {
  const idle: Waiter = { at: 'idle', posted: '', answer: '' };
  const start: Lock = { waiters: [idle, idle], flags: [false, false], turn: 0 };
  return counted(start, (lock) => [0, 1].flatMap((by) => stepsOf(kind, lock, by)));
}

export const petersonCounts = (): Counts =>
  lockCounts({
    opening: 'FTR',
    mayEnter: ({ flags, turn }, by) => !flags[1 - by] || turn === by,
    flags: ({ flags }, by, done) =>
      done === 'F' || done === 'f' ? replaced(flags, by, done === 'F') : flags,
  });

/** The first flag is the bit: whoever reads it raises it. */
export const testAndSetCounts = (): Counts =>
  lockCounts({
    opening: 'R',
    mayEnter: ({ flags }) => !flags[0],
    flags: (_, __, done) => [done === 'R', false],
  });

/** Items acknowledged and accepted, and the items of the messages on their way (a bit is an item's last one). */
interface Transfer {
  readonly acknowledged: number;
  readonly accepted: number;
  readonly data: readonly number[];
  readonly acks: readonly number[];
}

/**
 * The bit that the receiver expects is that of the number of items that it has accepted, as long as it takes none
 * twice; so no more than that is in the state.
 */
export function alternatingBitCounts(items: number, capacity: number): Counts {
  const add = (queue: readonly number[], item: number): readonly number[] =>
    queue.length < capacity ? [...queue, item] : queue;
  const start: Transfer = { acknowledged: 0, accepted: 0, data: [], acks: [] };
  return counted(start, (at) => {
    const isSending = at.acknowledged < items;
    const sends = isSending ? [{ ...at, data: add(at.data, at.acknowledged) }] : [];
    const deliveries = at.data.map((item, lost) => ({
      ...at,
      accepted: item % 2 === at.accepted % 2 ? at.accepted + 1 : at.accepted,
      data: at.data.slice(lost + 1),
      acks: add(at.acks, item % 2),
    }));
    const returns = at.acks.map((bit, lost) => ({
      ...at,
      acknowledged: bit === at.acknowledged % 2 ? at.acknowledged + 1 : at.acknowledged,
      acks: at.acks.slice(lost + 1),
    }));
    return [...sends, ...deliveries, ...(isSending ? returns : [])];
  });
}
