import type { TraceEvent } from '@spapr-dma/protocol';
import {
  type EnabledTable,
  endOf,
  mappedIn,
  pageBytesOf,
  type QemuState,
  tableOf,
  tceIndexAt,
  windowsOfPhb,
} from '@spapr-dma/qemu-spapr';
import { mappedCount, mappedCountIn, tceLowAt } from '@spapr-dma/tce-table';
import { type Branch, qemuOf } from './branch.js';
import { indirectOf } from './call-messages.js';
import { unknownIn } from './doubts.js';
import type { CallLine } from './explain-call.js';
import { Findings } from './findings.js';
import { Phases } from './phases.js';
import { type Sweep, Sweeps } from './sweep.js';
import { changedWindows, type WindowLife, WindowLives } from './window-lives.js';

/** Where in the log something stands. */
export interface Place {
  readonly line: number;
  readonly seconds: number | null;
}

/** Part of a window from which on it counts as nearly full: 9 entries of 10. */
const NEARLY_FULL = 0.9;
/** A kernel clears a table in this many calls at least; a single one may be anything. */
const SWEEP_CALLS_MIN = 2;

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

/** What one PHB's guest has asked for and got since it booted. */
interface DdwHistory {
  queryLine: number | null;
  created: boolean;
  maps: number;
  lastMapLine: number;
}

/**
 * Keeps the books of a log for its report: windows and their occupancy, phases, findings. It follows one
 * branch, the likeliest; nothing here decides whether a line is explained.
 */
export class Ledger {
  readonly lives = new WindowLives();
  readonly findings = new Findings();
  readonly phases = new Phases();
  readonly #sweeps = new Sweeps();
  readonly #ddw = new Map<number, DdwHistory>();
  /** A kernel cleared another one's entries; unless it is the window's own end, that was a hand-over. */
  #takeover: { readonly life: WindowLife; readonly sweep: Sweep; readonly at: Place } | null = null;
  /** Called with each table that a kernel cleared from one end to the other. */
  readonly #onSwept: (liobn: number, start: bigint, end: bigint) => void;

  constructor(onSwept: (liobn: number, start: bigint, end: bigint) => void) {
    this.#onSwept = onSwept;
  }

  /** Books that begin here: they know the windows that exist, and what is under way. */
  fork(onSwept: (liobn: number, start: bigint, end: bigint) => void): Ledger {
    const fork = new Ledger(onSwept);
    fork.lives.continue(this.lives);
    fork.#sweeps.continue(this.#sweeps);
    return fork;
  }

  /** A line that is no hypercall has been explained. */
  control(before: Branch, after: Branch, event: TraceEvent, by: string | null, at: Place): void {
    this.#settleTakeover(event);
    if (event.event === 'spapr_iommu_ddw_query') this.#queried(event.buid, at);
    if (event.event.startsWith('spapr_iommu_ddw')) this.#endSweeps();
    if (by === 'machine reset' || by === 'PHB plug') this.#wasReset(by, at);
    if (by === 'quiesce') this.phases.kernelBoots(at.line, at.seconds);
    this.stepped(before, after, by, at);
  }

  /** A step has been taken, which may have made windows, taken them, or zeroed them. */
  stepped(before: Branch, after: Branch, by: string | null, at: Place): void {
    const { gone, come } = changedWindows(qemuOf(before), qemuOf(after));
    for (const table of gone) this.#gone(table, before, by ?? 'unplug', at);
    for (const table of come) this.#come(table, qemuOf(after), by ?? 'device', at);
    this.#vioZeroed(before, after, by, at);
  }

  /** A hypercall has been explained: `before` and `after` are the branch around it. */
  called(before: Branch, after: Branch, line: CallLine, at: Place): void {
    if (line.ret !== 0) {
      this.findings.add(
        'refused',
        line.liobn,
        { line: at.line },
        ({ count }) => `${count} calls on LIOBN ${hex(line.liobn)} were refused with H_PARAMETER.`,
      );
    }
    if (line.event === 'spapr_iommu_get') return;
    const life = this.lives.openAt(Number(line.liobn));
    const was = tableOf(qemuOf(before), line.liobn);
    const is = before === after ? was : tableOf(qemuOf(after), line.liobn);
    if (life === undefined || was?.mode !== 'enabled' || is?.mode !== 'enabled') return;
    this.#settleTakeoverAt(life, line);
    if (line.event === 'spapr_iommu_stuff' && line.tcevalue === 0n && line.ret === 0) {
      this.#swept(life, was, is, line, at);
    } else {
      this.#endSweep(life);
      this.#mapped(life, was, line, at);
    }
    this.#occupied(life, is, at);
  }

  /** A device looked up an entry and found nothing there. */
  fault(liobn: number, line: number): void {
    this.findings.add(
      'fault',
      BigInt(liobn),
      { line },
      ({ count }) =>
        `A device used addresses of LIOBN ${hex(liobn)} that were not mapped (${count} lookups).`,
    );
  }

  /** The log has ended: what is still open is closed in the books. */
  finish(branch: Branch): void {
    this.#confirmTakeover();
    for (const index of this.#ddw.keys()) this.#judgeDdw(index);
    for (const life of this.lives.open) {
      const table = tableOf(qemuOf(branch), BigInt(life.liobn));
      // What lookups showed may differ from what was guessed when the entries were written.
      if (table !== undefined) life.mapped = mappedIn(table);
      life.unknown = unknownIn(branch.doubts.get(life.liobn));
    }
  }

  /** The place of a window was taken for another one. */
  replaced(table: EnabledTable): void {
    const life = this.lives.openAt(table.liobn);
    if (life === undefined) return;
    life.start = table.busOffset;
    life.entries = table.nbTable;
  }

  #wasReset(by: string, { line, seconds }: Place): void {
    this.#endSweeps();
    this.#confirmTakeover();
    if (by !== 'machine reset') return;
    this.phases.reset(line, seconds);
    for (const index of this.#ddw.keys()) this.#judgeDdw(index);
    this.#ddw.clear();
  }

  #gone(table: EnabledTable, before: Branch, by: string, { line }: Place): void {
    this.#sweeps.ended(table.liobn);
    const life = this.lives.closed(table.liobn, line, by);
    if (life === undefined) return;
    life.unknown = unknownIn(before.doubts.get(table.liobn));
    if (life.mapped === 0) return;
    this.findings.add(
      'left-mapped',
      BigInt(table.liobn),
      { line: life.firstMapped ?? line, lastLine: line, count: life.mapped },
      ({ count, line: first, lastLine }) =>
        `${count} entries of LIOBN ${hex(table.liobn)} (mapped from line ${first} on) were still mapped when their window went away at line ${lastLine}: ${by}.`,
    );
  }

  #come(table: EnabledTable, qemu: QemuState, by: string, { line, seconds }: Place): void {
    const life = this.lives.opened(table, line, by);
    if (!life.isDynamic || table.owner.kind !== 'phb') return;
    this.phases.kernelMaps(line, seconds);
    const history = this.#ddwOf(table.owner.index);
    history.created = true;
    const other = windowsOfPhb(qemu, table.owner.index).find(
      (window) =>
        window.liobn !== table.liobn && window.busOffset < endOf(table) && table.busOffset < endOf(window),
    );
    if (other === undefined) return;
    this.findings.add(
      'overlap',
      BigInt(table.liobn),
      { line },
      () =>
        `The window of LIOBN ${hex(table.liobn)} at ${hex(table.busOffset)} overlaps that of LIOBN ${hex(other.liobn)} at ${hex(other.busOffset)}; where they do, the one with the higher LIOBN answers.`,
    );
  }

  /** Tables of VIO devices stay where they are, but a reset and `quiesce` empty them. */
  #vioZeroed(before: Branch, after: Branch, by: string | null, { line }: Place): void {
    if (qemuOf(before).tables === qemuOf(after).tables) return;
    for (const table of qemuOf(after).tables) {
      if (table.owner.kind !== 'vio' || table.mode !== 'enabled') continue;
      const life = this.lives.openAt(table.liobn);
      const mapped = mappedCount(table.view);
      if (life === undefined || life.mapped <= mapped) continue;
      this.findings.add(
        'left-mapped',
        BigInt(table.liobn),
        { line: life.firstMapped ?? line, lastLine: line, count: life.mapped - mapped },
        ({ count, line: first, lastLine }) =>
          `${count} entries of LIOBN ${hex(table.liobn)} (mapped from line ${first} on) were still mapped when ${by ?? 'a reset'} zeroed the table at line ${lastLine}.`,
      );
      this.lives.occupied(life, mapped, line);
    }
  }

  #queried(buid: bigint, { line }: Place): void {
    this.#ddwOf(Number(buid & 0xffn)).queryLine = line;
  }

  #ddwOf(index: number): DdwHistory {
    let history = this.#ddw.get(index);
    if (history === undefined) {
      history = { queryLine: null, created: false, maps: 0, lastMapLine: 0 };
      this.#ddw.set(index, history);
    }
    return history;
  }

  /** Did a guest that asked for a dynamic window go on without one? */
  #judgeDdw(index: number): void {
    const { queryLine, created, maps, lastMapLine } = this.#ddwOf(index);
    const window = this.lives.open.find((life) => life.phb === index && !life.isDynamic);
    const hasDynamic = this.lives.open.some((life) => life.phb === index && life.isDynamic);
    if (queryLine === null || created || maps === 0 || hasDynamic || window === undefined) return;
    this.findings.add(
      'no-ddw',
      BigInt(window.liobn),
      { line: queryLine, lastLine: lastMapLine, count: maps },
      ({ count, line }) =>
        `The guest asked for a dynamic window at line ${line} and made none: its devices stay on the default window of LIOBN ${hex(window.liobn)} (${count} calls mapped there).`,
    );
  }

  /** How many entries with permissions a call wrote over others. */
  #mapped(life: WindowLife, was: EnabledTable, line: CallLine, at: Place): void {
    const { first, count, maps } = written(was, line);
    if (!maps || first === undefined || count === 0) return;
    if (life.phb !== null && !life.isDynamic) {
      const history = this.#ddwOf(life.phb);
      history.maps++;
      history.lastMapLine = at.line;
    }
    this.phases.kernelMaps(at.line, at.seconds);
    const overwritten = overwrittenBy(was, line, first, count);
    if (overwritten === 0) return;
    this.findings.add(
      'overwrite',
      line.liobn,
      { line: at.line, count: overwritten },
      ({ count: entries }) =>
        `${entries} live entries of LIOBN ${hex(line.liobn)} were overwritten without being cleared.`,
    );
  }

  #occupied(life: WindowLife, is: EnabledTable, { line }: Place): void {
    const mapped = mappedCount(is.view);
    const wasBelow = life.mapped < life.entries * NEARLY_FULL;
    this.lives.occupied(life, mapped, line);
    if (life.isDynamic || !wasBelow || mapped < life.entries * NEARLY_FULL) return;
    this.findings.add(
      'nearly-full',
      BigInt(life.liobn),
      { line, count: 1 },
      () =>
        `The default window of LIOBN ${hex(life.liobn)} was nearly full at line ${line}: ${mapped} of ${life.entries} entries.`,
    );
  }

  #swept(
    life: WindowLife,
    was: EnabledTable,
    is: EnabledTable,
    line: Extract<CallLine, { readonly event: 'spapr_iommu_stuff' }>,
    at: Place,
  ): void {
    const bytes = line.npages * pageBytesOf(was.pageShift);
    const start = line.ioba - bytes;
    const cleared = mappedCount(was.view) - mappedCount(is.view);
    const sweep = this.#sweeps.stuffed(life.liobn, start, line.ioba, cleared, life.firstMapped);
    if (sweep.start !== is.busOffset) return;
    if (sweep.calls >= SWEEP_CALLS_MIN && !life.isDynamic) this.phases.kernelBoots(at.line, at.seconds);
    if (sweep.next === endOf(is) && sweep.cleared > 0) this.#takeover = { life, sweep, at };
  }

  #endSweep(life: WindowLife): void {
    const sweep = this.#sweeps.ended(life.liobn);
    if (sweep !== undefined && sweep.calls >= SWEEP_CALLS_MIN)
      this.#onSwept(life.liobn, sweep.start, sweep.next);
  }

  #endSweeps(): void {
    for (const [liobn, sweep] of this.#sweeps.allEnded()) {
      if (sweep.calls >= SWEEP_CALLS_MIN) this.#onSwept(liobn, sweep.start, sweep.next);
    }
  }

  /** A window that is removed right after it was cleared was given up by its own kernel. */
  #settleTakeover(event: TraceEvent): void {
    if (this.#takeover === null) return;
    const isItsEnd =
      event.event === 'spapr_iommu_ddw_remove' && event.liobn === BigInt(this.#takeover.life.liobn);
    if (isItsEnd) this.#takeover = null;
    else if (!event.event.startsWith('spapr_drc_')) this.#confirmTakeover();
  }

  #settleTakeoverAt(life: WindowLife, { event }: CallLine): void {
    if (this.#takeover !== null && (this.#takeover.life !== life || event !== 'spapr_iommu_stuff')) {
      this.#confirmTakeover();
    }
  }

  #confirmTakeover(): void {
    if (this.#takeover === null) return;
    const { life, sweep, at } = this.#takeover;
    const { line } = at;
    this.#takeover = null;
    const who = this.phases.isFirmware ? 'firmware' : 'the kernel before';
    this.phases.kernelBoots(line, at.seconds);
    this.findings.add(
      'left-mapped',
      BigInt(life.liobn),
      { line: sweep.firstMapped ?? line, lastLine: line, count: sweep.cleared },
      ({ count, line: first, lastLine }) =>
        `${count} entries of LIOBN ${hex(life.liobn)} that ${who} had mapped (created at line ${first}) were still mapped when a new kernel took over, which cleared them at line ${lastLine}.`,
    );
  }
}

/** The entries that a call wrote, and whether it gave them permissions. */
function written(
  table: EnabledTable,
  line: CallLine,
): { readonly first: ReturnType<typeof tceIndexAt>; readonly count: number; readonly maps: boolean } {
  const nothing = { first: undefined, count: 0, maps: false };
  switch (line.event) {
    case 'spapr_iommu_put':
      if (line.ret !== 0) return nothing;
      return { first: tceIndexAt(table, line.ioba), count: 1, maps: (line.tce & 3n) !== 0n };
    case 'spapr_iommu_stuff': {
      if (line.ret !== 0) return nothing;
      const first = tceIndexAt(table, line.ioba - line.npages * pageBytesOf(table.pageShift));
      return { first, count: Number(line.npages), maps: (line.tcevalue & 3n) !== 0n };
    }
    case 'spapr_iommu_indirect': {
      const aligned = line.ioba - (line.ioba % pageBytesOf(table.pageShift));
      const count =
        line.ret === 0
          ? line.iobaN + 1
          : indirectOf({ tables: [table] } as unknown as QemuState, line).written;
      return { first: tceIndexAt(table, aligned), count, maps: (line.tceN & 3n) !== 0n };
    }
    case 'spapr_iommu_get':
      return nothing;
  }
}

/** Entries that had permissions and got other ones in their place. */
function overwrittenBy(table: EnabledTable, line: CallLine, first: number, count: number): number {
  if (line.event === 'spapr_iommu_put') {
    const at = first as Parameters<typeof tceLowAt>[1];
    const low = tceLowAt(table.view, at);
    return (low & 3) !== 0 && Number(line.tce & 0xffff_ffffn) !== low ? 1 : 0;
  }
  const room = Math.min(count, table.nbTable - first);
  return mappedCountIn(table.view, first as never, room as never);
}
