import { phbOfIndex, type QemuState } from '@spapr-dma/qemu-spapr';
import { withBeginning } from '../beginning.js';
import { InputError } from '../input.js';
import type { LostEvents } from '../log/lost-events.js';
import { FORM_BYTES, isSimpletrace } from '../log/simpletrace-format.js';
import { qemuOf } from './branch.js';
import type { ClockReport } from './clock.js';
import type { Divergence } from './divergence.js';
import type { Finding } from './findings.js';
import type { Follower } from './follow.js';
import { followedSimpletrace, followedText } from './followed-log.js';
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
  /** Events that QEMU's backend `simple` had no room for. */
  readonly lost: LostEvents;
  readonly divergence: Divergence | null;
  readonly error: { readonly line: number | null; readonly text: string } | null;
}

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

function noEventText({ lines, reader: { unit } }: Follower): string {
  if (lines > 0) {
    return `none of the ${lines} ${unit}s is a trace event of QEMU's sPAPR machine: is this the log of a pseries machine, with its spapr_* events traced?`;
  }
  return unit === 'line'
    ? 'the log is empty'
    : 'the log has no records of events: QEMU writes them late, and the last ones not at all where it is killed or aborts';
}

/** The trouble, with the last whole line before it where it is on no line itself. */
const saidWhere = ({ line, message }: InputError, { lines, reader: { unit } }: Follower): string =>
  line === null && lines > 0 ? `${message} (after ${unit} ${lines})` : message;

/** A divergence in a log that lacks events says nothing of the specification. */
function lossError({ divergence, reader: { lost, unit } }: Follower): FollowReport['error'] {
  if (divergence === null || lost.firstLine === null) return null;
  const { line, expected } = divergence;
  return {
    line,
    text: `${unit} ${line} cannot be explained, but the log lacks ${lost.events} events that QEMU had no room for (${unit} ${lost.firstLine} is the first to say so); expected was ${expected}`,
  };
}

/**
 * Follows a log of QEMU's trace events in the specification, to its end or to the first line that the
 * specification does not explain. What is wrong with the input is told in `error`; what was good up to
 * there is reported all the same.
 */
export async function followLog(
  input: AsyncIterable<Uint8Array>,
  options: FollowOptions = {},
): Promise<FollowReport> {
  let log = followedText(options);
  let error: FollowReport['error'] = null;
  let bytesRead = 0;
  let going = true;
  try {
    for await (const chunk of withBeginning(input, FORM_BYTES)) {
      if (bytesRead === 0 && isSimpletrace(chunk)) log = followedSimpletrace(options);
      bytesRead += chunk.length;
      going = log.take(chunk);
      options.onProgress?.(log.follower.lines, bytesRead);
      if (!going) break;
    }
    if (going) log.end();
  } catch (thrown) {
    if (!(thrown instanceof InputError)) throw thrown;
    // Behind a divergence nothing is followed any more, and nothing there is wrong with the log before it.
    if (log.follower.divergence === null)
      error = { line: thrown.line, text: saidWhere(thrown, log.follower) };
  }
  const { follower } = log;
  follower.finish();
  if (error === null && !follower.reader.hasEvents) error = { line: null, text: noEventText(follower) };
  const loss = lossError(follower);
  if (loss !== null) {
    follower.divergence = null;
    error = loss;
  }
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
    lost: reader.lost,
    divergence: follower.divergence,
    error,
  };
}
