import type { TraceEvent } from '@spapr-dma/protocol';
import {
  outcomeOf,
  type QemuReceived,
  type QemuSent,
  type QemuState,
  qemuMachine,
} from '@spapr-dma/qemu-spapr';
import { stepper } from '@spapr-dma/system';
import { sameTces } from '@spapr-dma/tce-table';
import type { SnapshotFrom } from 'xstate';
import type { Doubts } from './doubts.js';
import { changedWindows } from './window-lives.js';

export type QemuSnapshot = SnapshotFrom<typeof qemuMachine>;

/** A `new_table` line whose cause only a later line tells. */
export interface FreshTable {
  readonly liobn: bigint;
  /** KVM holds the table where this is not -1. */
  readonly fd: number;
  /** The table has no memory where the window has 0 entries. */
  readonly table: 'allocated' | '(nil)';
  readonly line: number;
  readonly thread: number;
}

/** A machine reset of which only the beginning has been read. */
export interface Resetting {
  /** PHBs whose new default window must still come. */
  readonly awaited: ReadonlySet<number>;
  /** VIO devices were freed. */
  readonly sawVio: boolean;
}

/** What a branch takes for granted until a line shows otherwise. */
export interface Guesses {
  /** Whether this QEMU restores the default window. */
  readonly restoresDefaultWindow: boolean;
  /** LIOBNs whose def_win came with a migration stream. */
  readonly defWin: ReadonlySet<number>;
}

/**
 * One machine that explains the log so far, with what the log left open about it. A table's entries are
 * the best that is known; where they are not known for certain, `doubts` says so.
 */
export interface Branch {
  readonly snapshot: QemuSnapshot;
  readonly doubts: ReadonlyMap<number, Doubts>;
  readonly guesses: Guesses;
  /** Lines of a step that was taken, which must come next. */
  readonly owed: readonly TraceEvent[];
  readonly fresh: FreshTable | null;
  readonly resetting: Resetting | null;
  /** VIO devices freed one after the other by one thread: `quiesce` so far, or single calls. */
  readonly vioRun: { readonly thread: number; readonly units: ReadonlySet<number> } | null;
}

const machine = stepper<typeof qemuMachine, QemuSent>(qemuMachine);

/** The machine before its first reset, with no device known yet. */
export function firstBranch(input: Parameters<typeof machine.initial>[0]): Branch {
  return {
    snapshot: machine.initial(input).snapshot,
    doubts: new Map(),
    guesses: { restoresDefaultWindow: true, defWin: new Set() },
    owed: [],
    fresh: null,
    resetting: null,
    vioRun: null,
  };
}

/** What one message does to a branch, and what QEMU would log of it. */
export interface BranchStep {
  readonly branch: Branch;
  readonly logged: readonly TraceEvent[];
}

const NOTHING: readonly TraceEvent[] = [];

/** Lets the branch's machine take one message. A machine that cannot take it logs nothing. */
export function stepBranch(branch: Branch, message: QemuReceived): BranchStep {
  const { snapshot, sent } = machine.step(branch.snapshot, message);
  let logged: TraceEvent[] | readonly TraceEvent[] = NOTHING;
  for (const message of sent) {
    if (message.type !== 'trace') continue;
    logged = logged.length === 0 ? [message.line] : [...logged, message.line];
  }
  if (snapshot === branch.snapshot) return { branch, logged };
  const doubts = isHcall(message)
    ? branch.doubts
    : stillInDoubt(branch.doubts, branch.snapshot.context, snapshot.context);
  return { branch: { ...branch, snapshot, doubts }, logged };
}

/**
 * What the machine would log of a call that only reads, asked of it without a transition: it stays where it
 * is. A machine that takes no calls logs nothing.
 */
export function readLogged({ snapshot }: Branch, message: QemuReceived): TraceEvent | undefined {
  if (snapshot.value !== 'running') return undefined;
  for (const sent of outcomeOf(snapshot.context, message).sent) if (sent.type === 'trace') return sent.line;
  return undefined;
}

/** A hypercall changes entries, never windows. */
const isHcall = ({ type }: QemuReceived): boolean => type.startsWith('H_');

/** Doubts about windows that have gone, or were made anew, are no doubts any more. */
function stillInDoubt(doubts: Branch['doubts'], before: QemuState, after: QemuState): Branch['doubts'] {
  if (doubts.size === 0) return doubts;
  const { gone } = changedWindows(before, after);
  const settled = new Set<number>(gone.map(({ liobn }) => liobn));
  return settled.size === 0 ? doubts : new Map([...doubts].filter(([liobn]) => !settled.has(liobn)));
}

/** Is nothing pending but the next line? Then a hypercall is all that it may be. */
export const isSettled = ({ fresh, owed, resetting, vioRun }: Branch): boolean =>
  fresh === null && owed.length === 0 && resetting === null && vioRun === null;

export const qemuOf = (branch: Branch): QemuState => branch.snapshot.context;

/** The same branch with another machine state in its place: one that the log explains as well. */
export const withQemu = (branch: Branch, context: QemuState): Branch => ({
  ...branch,
  snapshot: { ...branch.snapshot, context } as QemuSnapshot,
});

const sameDoubts = (a: Doubts | undefined, b: Doubts | undefined): boolean =>
  a === b ||
  (a !== undefined && b !== undefined && sameTces(a.kinds, b.kinds) && sameTces(a.others, b.others));

/**
 * Do two branches hold the same machine? What they take for granted is not compared: where two differ in
 * that alone, the first one found is kept.
 */
export function sameBranch(a: Branch, b: Branch): boolean {
  if (a.snapshot.value !== b.snapshot.value || a.fresh !== b.fresh || a.owed.length !== b.owed.length)
    return false;
  if ((a.resetting === null) !== (b.resetting === null)) return false;
  const left = qemuOf(a);
  const right = qemuOf(b);
  if (left.tables.length !== right.tables.length || left.phbs.length !== right.phbs.length) return false;
  for (const [at, one] of left.phbs.entries()) {
    const other = right.phbs[at];
    if (one !== other && JSON.stringify(one, hexed) !== JSON.stringify(other, hexed)) return false;
  }
  return left.tables.every((one, at) => {
    const other = right.tables[at];
    if (one === other) return sameDoubts(a.doubts.get(one.liobn), b.doubts.get(one.liobn));
    if (other === undefined || one.mode !== other.mode || one.liobn !== other.liobn) return false;
    if (one.mode === 'enabled' && other.mode === 'enabled') {
      const sameGeometry =
        one.busOffset === other.busOffset &&
        one.pageShift === other.pageShift &&
        one.nbTable === other.nbTable;
      if (!sameGeometry || !sameTces(one.view, other.view)) return false;
    }
    return one.defWin === other.defWin && sameDoubts(a.doubts.get(one.liobn), b.doubts.get(one.liobn));
  });
}

const hexed = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? `0x${value.toString(16)}` : value;

/** The branches without those that hold the same machine as an earlier one. */
export function merged(branches: readonly Branch[]): readonly Branch[] {
  if (branches.length < 2) return branches;
  const kept: Branch[] = [];
  for (const branch of branches) if (!kept.some((other) => sameBranch(other, branch))) kept.push(branch);
  return kept;
}
