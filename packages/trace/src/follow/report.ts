import { phbOfIndex, type QemuState } from '@spapr-dma/qemu-spapr';
import { InputError } from '../input.js';
import { LineSplitter } from '../lines.js';
import { excerpt } from '../log/line-reader.js';
import { qemuOf } from './branch.js';
import type { ClockReport } from './clock.js';
import type { Divergence } from './divergence.js';
import type { Finding } from './findings.js';
import { Follower } from './follow.js';
import { hotplugCostOf } from './hotplug-cost.js';
import type { FollowOptions } from './options.js';
import type { Phase } from './phases.js';
import type { RateBucket } from './rates.js';
import { buidText, type OmittedWindows, type WindowLife } from './window-lives.js';

export interface WindowReport {
  readonly liobn: string;
  readonly buid: string | null;
  readonly start: string;
  readonly pageShift: number;
  readonly entries: number;
  readonly created: { readonly line: number; readonly by: string };
  readonly removed: { readonly line: number; readonly by: string } | null;
  /** Most entries with permissions at one time, and at the window's end or the log's. */
  readonly peak: number;
  readonly mapped: number;
  /** Entries whose page the log never showed; they are counted in `mapped` as the guest most likely wrote them. */
  readonly unknown: number;
}

/** What the log and the options told of a PHB; null where neither did. */
export interface PhbReport {
  readonly index: number;
  readonly buid: string;
  readonly dmaWinAddr: string | null;
  readonly dmaWinSize: string | null;
  readonly dma64WinAddr: string | null;
  readonly pgszMask: string | null;
}

/** What following a log showed. */
export interface FollowReport {
  readonly accepted: boolean;
  readonly lines: number;
  readonly events: Readonly<Record<string, number>>;
  readonly ignored: Readonly<Record<string, number>>;
  readonly branches: number;
  readonly reordered: number;
  /** QEMU aborted at the end of the log: the guest, or the administrator, made it. */
  readonly aborted: boolean;
  readonly windows: readonly WindowReport[];
  readonly windowsOmitted: OmittedWindows;
  readonly findings: readonly Finding[];
  readonly phbs: readonly PhbReport[];
  readonly phases: readonly Phase[];
  readonly rates: { readonly bucketSeconds: number | null; readonly buckets: readonly RateBucket[] };
  /** Where time runs backwards: the clock was set, or lines were moved. */
  readonly clock: ClockReport;
  readonly divergence: Divergence | null;
  readonly error: { readonly line: number | null; readonly text: string } | null;
}

/** The longest line of a trace log is far below this. */
const LINE_BYTES_MAX = 1 << 16;
const PROGRESS_LINES = 1 << 16;

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

const windowReport = (life: WindowLife): WindowReport => ({
  liobn: hex(life.liobn),
  buid: buidText(life),
  start: hex(life.start),
  pageShift: life.pageShift,
  entries: life.entries,
  created: life.created,
  removed: life.removed,
  peak: life.peak,
  mapped: life.mapped,
  unknown: life.unknown,
});

function phbReports({ facts, branch }: Follower): readonly PhbReport[] {
  const qemu: QemuState = qemuOf(branch);
  return [...facts.phbs].flatMap(([index, known]) => {
    const phb = phbOfIndex(qemu, index);
    if (phb === undefined) return [];
    const { dmaWinAddr, dmaWinSize, dma64WinAddr, pgsz } = phb.properties;
    return [
      {
        index,
        buid: hex(phb.buid),
        dmaWinAddr: hex(dmaWinAddr),
        dmaWinSize: hex(dmaWinSize),
        dma64WinAddr: known.dma64Known ? hex(dma64WinAddr) : null,
        pgszMask: known.pgszKnown ? hex(pgsz) : null,
      },
    ];
  });
}

/** What a VFIO hotplug at the end of the log would cost, one finding a window. */
function addHotplugCosts(follower: Follower): void {
  for (const life of follower.ledger.lives.open) {
    if (life.phb === null) continue;
    const { entries, seconds, mappedBytes, tableBytes } = hotplugCostOf(life);
    follower.ledger.findings.add(
      'hotplug-cost',
      BigInt(life.liobn),
      { line: follower.lines, count: entries },
      () =>
        `Plugging a VFIO device now would replay ${entries} entries of LIOBN ${hex(life.liobn)} (about ${seconds.toPrecision(2)} s), pin at least ${mappedBytes >> 10n} KiB of guest memory and charge ${tableBytes >> 10n} KiB for the hardware table.`,
    );
  }
}

/** Reads the last line, which no newline ends: it counts where it is whole, else the log was cut there. */
function takeRest(follower: Follower, rest: Buffer): void {
  const line = follower.lines + 1;
  const cut = (): never => {
    throw new InputError(
      `line ${line} ends without a newline: the log was cut in ${excerpt(rest, 0, rest.length)}`,
      line,
    );
  };
  let good = false;
  try {
    good = follower.take(rest, 0, rest.length);
  } catch (error) {
    if (error instanceof InputError) cut();
    throw error;
  }
  if (good) return;
  follower.divergence = null;
  cut();
}

const NO_EVENT = (lines: number): string =>
  lines === 0
    ? 'the log is empty'
    : `none of the ${lines} lines is a trace event of QEMU's sPAPR machine: is this the log of a pseries machine, with its spapr_* events traced?`;

/** The trouble, with the last whole line before it where it is on no line itself. */
const saidWhere = ({ line, message }: InputError, lines: number): string =>
  line === null && lines > 0 ? `${message} (after line ${lines})` : message;

/**
 * Follows a log of QEMU's trace events in the specification, to its end or to the first line that the
 * specification does not explain. What is wrong with the input is told in `error`; what was good up to
 * there is reported all the same.
 */
export async function followLog(
  input: AsyncIterable<Uint8Array>,
  options: FollowOptions = {},
): Promise<FollowReport> {
  const follower = new Follower(options);
  let bytesRead = 0;
  let error: FollowReport['error'] = null;
  const splitter = new LineSplitter((bytes, start, end) => {
    const going = follower.take(bytes, start, end);
    if (follower.lines % PROGRESS_LINES === 0) options.onProgress?.(follower.lines, bytesRead);
    return going;
  }, LINE_BYTES_MAX);
  try {
    let going = true;
    for await (const chunk of input) {
      bytesRead += chunk.length;
      going = splitter.take(chunk);
      if (!going) break;
    }
    const rest = going ? splitter.rest() : null;
    if (rest !== null) takeRest(follower, rest);
  } catch (thrown) {
    if (!(thrown instanceof InputError)) throw thrown;
    error = { line: thrown.line, text: saidWhere(thrown, follower.lines) };
  }
  follower.finish();
  if (error === null && !follower.reader.hasEvents) error = { line: null, text: NO_EVENT(follower.lines) };
  return reportOf(follower, error);
}

function reportOf(follower: Follower, error: FollowReport['error']): FollowReport {
  const { reader, rates, ledger } = follower;
  const accepted = error === null && follower.divergence === null;
  if (accepted) addHotplugCosts(follower);
  return {
    accepted,
    lines: follower.lines,
    events: reader.events,
    ignored: reader.ignored,
    branches: follower.branchesSeen,
    reordered: follower.reordered,
    aborted: follower.aborted,
    windows: ledger.lives.all.map(windowReport),
    windowsOmitted: ledger.lives.omitted,
    findings: ledger.findings.list(),
    phbs: phbReports(follower),
    phases: ledger.phases.list,
    rates: { bucketSeconds: rates.bucketSeconds, buckets: rates.buckets },
    clock: follower.clock.report,
    divergence: follower.divergence,
    error,
  };
}
