import type { TraceEvent } from '@spapr-dma/protocol';
import { QEMU_7_2, tableOf } from '@spapr-dma/qemu-spapr';
import { InputError } from '../input.js';
import { LineReader } from '../log/line-reader.js';
import type { LogReader } from '../log/log-reader.js';
import { nameFitsLiobn, traceEventOf } from '../log/trace-line.js';
import { defaultTableOf } from './assume.js';
import { type Branch, firstBranch, isSettled, merged, qemuOf, sameBranch } from './branch.js';
import { Clock } from './clock.js';
import type { Divergence } from './divergence.js';
import { expectedLine } from './expected.js';
import { type CallLine, explainCall, isCallLine } from './explain-call.js';
import { type Explained, explainLine, type LogLine } from './explain-control.js';
import { explainFresh } from './explain-fresh.js';
import { expectedXlate, explainXlate, type XlateLine } from './explain-xlate.js';
import { Facts } from './facts.js';
import { Ledger } from './ledger.js';
import type { FollowOptions } from './options.js';
import { Rates } from './rates.js';
import { Reordering } from './reordering.js';
import { lineText } from './same-line.js';
import { SILENT_STEPS } from './silent-steps.js';
import { placedElsewhere, sweptPlace } from './window-placing.js';

/** Branches that are followed side by side; more than that explain nothing any more. */
const BRANCHES_MAX = 64;

/** What explained a line: a hypercall and nothing else, or a step without a name. */
const PLAIN_CALL = 'hypercall';
const UNNAMED = '';
/** Steps that log themselves, after the tables that they made. */
const LOGGED_LAST: ReadonlySet<string> = new Set([
  'ibm,create-pe-dma-window',
  'ibm,reset-pe-dma-window',
  'migration',
]);
const nameOf = (by: string): string | null => (by === UNNAMED || by === PLAIN_CALL ? null : by);

const RATE_KINDS = {
  spapr_iommu_put: 'put',
  spapr_iommu_stuff: 'stuff',
  spapr_iommu_indirect: 'indirect',
  spapr_iommu_get: 'get',
} as const;

/** Holds a log against QEMU's machine, line by line. */
export class Follower {
  readonly reader: LogReader;
  readonly rates = new Rates();
  readonly clock = new Clock();
  readonly ledger: Ledger;
  readonly facts: Facts;
  #branches: readonly Branch[];
  readonly #plain: boolean;
  #line = 0;
  #branchesSeen = 1;
  /** The likeliest machine as the present line met it. */
  #met: Branch;
  #firstSeconds = Number.NaN;
  readonly #reordering: Reordering;
  readonly #xlate: XlateLine = {
    liobn: 0,
    addressHigh: 0,
    addressLow: 0,
    translatedHigh: 0,
    translatedLow: 0,
    perm: 0,
    mask: 0,
  };
  divergence: Divergence | null = null;

  constructor(
    { phbs = [], machine = QEMU_7_2.machine, plain = false }: FollowOptions,
    reader: LogReader = new LineReader(),
    from?: Follower,
  ) {
    this.#plain = plain;
    this.reader = reader;
    if (from !== undefined) {
      this.facts = from.facts.fork();
      this.#reordering = from.#reordering.fork();
      this.#branches = from.#branches;
      this.#line = from.#line;
      this.#met = from.#met;
      this.#firstSeconds = from.#firstSeconds;
      this.ledger = from.ledger.fork((liobn, start, end) => this.#sweptOver(liobn, start, end));
      return;
    }
    this.facts = new Facts(phbs);
    this.#reordering = new Reordering();
    this.#branches = [firstBranch({ config: { ...QEMU_7_2, machine }, ram: [], devices: [] })];
    this.#met = this.branch;
    this.ledger = new Ledger((liobn, start, end) => this.#sweptOver(liobn, start, end));
  }

  get lines(): number {
    return this.#line;
  }

  /** A follower that has read the same lines, and goes on by itself; its report begins here. */
  fork(): Follower {
    return new Follower({ plain: this.#plain }, this.reader.anew(), this);
  }

  /** Do the machines that explain two logs so far agree, so that any further line means the same to both? */
  agreesWith(other: Follower): boolean {
    return (
      this.#reordering.waiting === 0 &&
      other.#reordering.waiting === 0 &&
      this.#branches.length === other.#branches.length &&
      this.#branches.every((branch, at) => sameBranch(branch, other.#branches[at] as Branch))
    );
  }

  /** The most branches that explained the log at one time. */
  get branchesSeen(): number {
    return this.#branchesSeen;
  }

  /** Lookups that stood before the write they saw, or behind one they did not. */
  get reordered(): number {
    return this.#reordering.count;
  }

  /** The log ends with a table that QEMU did not survive. */
  get aborted(): boolean {
    const { fresh, snapshot } = this.branch;
    if (snapshot.value === 'aborted') return true;
    return fresh !== null && tableOf(qemuOf(this.branch), fresh.liobn)?.mode === 'stuck';
  }

  /** The likeliest of the machines that explain the log. */
  get branch(): Branch {
    return this.#branches[0] as Branch;
  }

  /** Takes one line; false where the log and the specification have parted. */
  take(bytes: Buffer, start: number, end: number): boolean {
    this.#line++;
    const isEvent = this.reader.read(bytes, start, end, this.#line);
    const { thread, event } = this.reader;
    if (isEvent && event !== null) {
      if (Number.isNaN(this.#firstSeconds)) this.#firstSeconds = this.reader.seconds;
      const explained =
        event === 'spapr_iommu_xlate'
          ? this.#takeXlate(bytes, start, end)
          : this.#takeEvent(event, bytes, start, end);
      if (!explained) return false;
    }
    this.clock.tick(thread, this.reader.seconds, this.#line);
    const expired = this.#reordering.passed(this.#line, thread);
    if (expired === null) return true;
    this.divergence = expired;
    return false;
  }

  /** The log has ended: what waits for a line that will not come is settled. */
  finish(): void {
    if (this.divergence === null) this.divergence = this.#reordering.unresolved();
    this.#settleFresh();
    this.ledger.finish(this.branch);
  }

  /** A hypercall is no part of the step that made a table, so what made it is settled before the call. */
  #settleFreshBefore(call: CallLine): void {
    const before = this.branch;
    const { fresh } = before;
    const settled = this.#branches.flatMap((branch) => explainFresh(branch, call, this.facts));
    const [first] = settled;
    if (fresh === null || first === undefined) return;
    this.#adopt(settled.map(({ branch }) => branch));
    const { liobn, table, fd } = fresh;
    const event = { event: 'spapr_iommu_new_table', liobn, table, fd } as const;
    this.ledger.control(before, this.branch, event, first.by, this.#causeAt(before, first.by));
  }

  /** A table that was made last: what made it is told by the end of the log, as far as anything tells it. */
  #settleFresh(): void {
    const before = this.branch;
    if (before.fresh === null || this.aborted) return;
    const [explained] = explainFresh(before, null, this.facts);
    if (explained === undefined) return;
    const { liobn, table, fd } = before.fresh;
    const event = { event: 'spapr_iommu_new_table', liobn, table, fd } as const;
    this.#branches = [explained.branch];
    this.ledger.control(before, explained.branch, event, explained.by, {
      line: before.fresh.line,
      seconds: null,
    });
  }

  /** Seconds since the first line, or null without timestamps. */
  #seconds(): number | null {
    return Number.isNaN(this.reader.seconds) ? null : this.reader.seconds - this.#firstSeconds;
  }

  #at() {
    return { line: this.#line, seconds: this.#seconds() };
  }

  /** Where the cause of a change stands: a step without a line of its own shows at its first table. */
  #causeAt({ fresh }: Branch, by: string) {
    if (fresh === null || LOGGED_LAST.has(by)) return this.#at();
    return { line: fresh.line, seconds: this.#seconds() };
  }

  #takeXlate(bytes: Buffer, start: number, end: number): boolean {
    const { fields } = this.reader;
    const xlate = this.#xlate;
    xlate.liobn = fields.high[0] === 0 ? (fields.low[0] as number) : -1;
    xlate.addressHigh = fields.high[1] as number;
    xlate.addressLow = fields.low[1] as number;
    xlate.translatedHigh = fields.high[2] as number;
    xlate.translatedLow = fields.low[2] as number;
    xlate.perm = fields.high[3] === 0 && (fields.low[3] as number) < 4 ? (fields.low[3] as number) : -1;
    xlate.mask = fields.high[4] === 0 ? (fields.low[4] as number) : -1;
    this.rates.count('xlate', this.#seconds(), this.#line);
    if (xlate.perm === 0) this.ledger.fault(xlate.liobn, this.#line);
    const only = this.#branches.length === 1 ? (this.#branches[0] as Branch) : null;
    const next = only === null ? null : explainXlate(only, xlate);
    if (next !== null) {
      if (next !== only) this.#branches = [next];
      return true;
    }
    const explaining = this.#branches.flatMap((branch) => explainXlate(branch, xlate) ?? []);
    if (explaining.length > 0) {
      this.#branches = explaining;
      return true;
    }
    return this.#takeUnexplainedXlate({ ...xlate }, bytes, start, end);
  }

  /** A lookup that the tables do not show: it raced with a write, or something silent happened. */
  #takeUnexplainedXlate(xlate: XlateLine, bytes: Buffer, start: number, end: number): boolean {
    if (this.#reordering.sawEarlier(xlate, this.reader.thread)) return true;
    const before = this.branch;
    const silent = this.#silently((branch) => {
      const next = explainXlate(branch, xlate);
      return next === null ? [] : [{ branch: next, by: null }];
    });
    if (silent.length > 0) {
      this.#branches = merged(silent.map(({ branch }) => branch));
      this.#changedSilently(before, silent[0] as Explained);
      return true;
    }
    this.#reordering.wait(xlate, this.reader.thread, {
      line: this.#line,
      text: this.reader.text(bytes, start, end),
      expected: expectedXlate(this.branch, xlate),
      observed: 'a lookup that found something else',
    });
    return true;
  }

  /** Every way in which a step without a line of its own explains what nothing else does. */
  #silently(explain: (branch: Branch) => readonly Explained[]): readonly Explained[] {
    for (const { name, movesOnly, apply } of SILENT_STEPS) {
      const found = this.#branches
        .flatMap((branch) => apply(branch, this.facts))
        .flatMap((met) =>
          explain(met).map((explained) => ({
            ...explained,
            by: explained.by ?? (movesOnly ? null : name),
            met: explained.met ?? met,
          })),
        );
      if (found.length > 0) return found;
    }
    return [];
  }

  /** Enters into the books what a silent step did to windows before the line that shows it. */
  #changedSilently(before: Branch, { by, met = before }: Explained): void {
    if (by !== null) this.ledger.stepped(before, met, by, this.#at());
    else
      for (const { properties } of qemuOf(met).phbs) {
        const table = defaultTableOf(qemuOf(met), properties.index);
        if (table !== undefined) this.ledger.replaced(table);
      }
  }

  #takeEvent(name: string, bytes: Buffer, start: number, end: number): boolean {
    const event = traceEventOf(this.reader);
    if (event === null) return true;
    const isCall = isCallLine(event);
    if (isCall) {
      this.rates.count(RATE_KINDS[event.event], this.#seconds(), this.#line);
      if (!nameFitsLiobn(name, event.liobn)) return this.#parted(event, bytes, start, end);
    }
    const log: LogLine = { event, line: this.#line, thread: this.reader.thread };
    if (isCall && this.branch.fresh !== null) this.#settleFreshBefore(event);
    const before = this.branch;
    this.#met = before;
    const elsewhere = isCall ? this.#placed(event, log) : null;
    const settled = isCall && elsewhere === null && !this.#plain && this.#takeSettledCall(event);
    const by = settled || this.#takeAny(elsewhere ?? this.#explained(log), isCall);
    if (by === null) return this.#parted(event, bytes, start, end);
    this.#reordering.wrote(this.#line, log.thread, before, this.#branches, this.#keep);
    if (!isCall || by !== PLAIN_CALL) {
      const after = isCall ? this.#met : this.branch;
      this.ledger.control(before, after, event, nameOf(by), this.#causeAt(before, by));
    }
    if (isCall) this.ledger.called(this.#met, this.branch, event, this.#at());
    return true;
  }

  readonly #keep = (surviving: readonly Branch[]): void => {
    this.#branches = surviving;
  };

  /** The usual line: a hypercall that the only branch explains, with nothing else pending. */
  #takeSettledCall(event: CallLine): typeof PLAIN_CALL | null {
    const only = this.branch;
    if (this.#branches.length > 1 || !isSettled(only)) return null;
    const next = explainCall(only, event);
    if (next === null) return null;
    if (next !== only) this.#branches = [next];
    return PLAIN_CALL;
  }

  /** Any other line; what made or took windows in it, or null where nothing explains it. */
  #takeAny(explained: readonly Explained[], isCall: boolean): string | null {
    if (explained.length === 0) return null;
    this.#adopt(explained.map(({ branch }) => branch));
    this.#met = explained[0]?.met ?? this.#met;
    return explained[0]?.by ?? (isCall ? PLAIN_CALL : UNNAMED);
  }

  #explained(log: LogLine): readonly Explained[] {
    const explained = this.#branches.flatMap((branch) => explainLine(branch, log, this.facts));
    if (explained.length > 0) return explained;
    const silent = this.#silently((branch) => explainLine(branch, log, this.facts));
    const [first] = silent;
    if (first !== undefined && first.by === null) this.#changedSilently(this.branch, first);
    return silent;
  }

  #adopt(branches: readonly Branch[]): void {
    this.#branches = merged(branches);
    if (this.#branches.length > this.#branchesSeen) this.#branchesSeen = this.#branches.length;
    if (this.#branches.length > BRANCHES_MAX) {
      throw new InputError(
        `${this.reader.unit} ${this.#line}: more than ${BRANCHES_MAX} machines explain the log so far; it leaves too much open to be followed`,
        this.#line,
      );
    }
  }

  #parted(event: TraceEvent, bytes: Buffer, start: number, end: number): false {
    this.divergence = {
      line: this.#line,
      text: this.reader.text(bytes, start, end),
      expected: expectedLine(this.branch, event),
      observed: lineText(event),
    };
    return false;
  }

  /** Takes in what a call says of the place of a default window; see `placedElsewhere`. */
  #placed(call: CallLine, log: LogLine): readonly Explained[] | null {
    const elsewhere = placedElsewhere(this.#branches, call, log, this.facts);
    if (elsewhere === null) return null;
    if (elsewhere.window !== undefined) this.ledger.replaced(elsewhere.window);
    return elsewhere.explained;
  }

  /** A kernel has cleared a table from its first entry on: for a default window, that is its place. */
  #sweptOver(liobn: number, start: bigint, end: bigint): void {
    const swept = sweptPlace(this.#branches, liobn, start, end, this.facts);
    if (swept === null) return;
    this.#branches = merged(swept.branches);
    if (swept.window !== undefined) this.ledger.replaced(swept.window);
  }
}
