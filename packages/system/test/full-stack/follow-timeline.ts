import type { Moved } from '../../src/choices.ts';
import type { Follower } from '../call-order/guided-run.ts';
import { isNumber, type Names, namesAsText, type Value, withName, withoutName } from '../call-order/names.ts';
import { eventsOf, type ModelEvent, RETURN } from './model-events.ts';
import type { TimelineLine } from './read-timeline.ts';

/** What a timeline shows and the machines do not, and why. */
export const LINES_NOT_COMPARED: Readonly<Record<string, string>> = {
  lock_r: 'shown by the error of the call that failed',
  mmnew_r: 'shown by the error of the call that failed',
  vfio_region_exit: 'MMIO regions of a device, which do no DMA',
  vfio_region_finalize: 'MMIO regions of a device, which do no DMA',
};

/** Arguments that are pointers of the real machine, by event. */
const POINTERS: Readonly<Record<string, readonly string[]>> = {
  opalwin: ['addr'],
  spapr_iommu_new_table: ['table'],
};

/** What an argument names, where it is no quantity. */
function kindOf(event: string, arg: string, value: string): string | null {
  if (value.startsWith('..')) return 'table';
  if (arg === 'va' || arg === 'ua') return 'ua';
  if (value === '-1') return null;
  if (arg === 'tablefd' || `${event}.${arg}` === 'spapr_iommu_new_table.fd') return 'tablefd';
  if (arg === 'groupfd' || `${event}.${arg}` === 'vfio_put_group.fd') return 'groupfd';
  if (`${event}.${arg}` === 'vfio_disconnect_container.fd') return 'containerfd';
  return `${event}.${arg}` === 'vfio_put_base_device.fd' ? 'devicefd' : null;
}

/** How far a timeline has been explained. */
export interface TimelineProgress {
  readonly lines: readonly TimelineLine[];
  readonly at: number;
  /** Of a line with folded calls: how many were seen, and their entries. */
  readonly seen: number;
  readonly entries: bigint;
  /** The line of the ioctl that has not returned yet. */
  readonly inside: TimelineLine | null;
  readonly names: Names;
}

const EEH = 'ioctl EEH';

/**
 * Whether QEMU made this call on error handling itself, as it does when a PHB is reset: right after the default
 * window was made, but for what RCU frees meanwhile. The others are the guest's, which makes none here.
 */
function isOfReset(lines: readonly TimelineLine[], at: number): boolean {
  const before = lines.slice(0, at).findLast(({ name }) => name !== 'tput' && name !== 'tfree');
  return before?.name === 'vfio_listener_region_add_iommu';
}

const isCompared = ({ side, name }: TimelineLine, at: number, lines: readonly TimelineLine[]): boolean =>
  side !== '*' && !(name in LINES_NOT_COMPARED) && (name !== EEH || isOfReset(lines, at));

export const progressAlong = (
  lines: readonly TimelineLine[],
  names: Names = new Map(),
): TimelineProgress => ({
  lines: lines.filter(isCompared),
  at: 0,
  seen: 0,
  entries: 0n,
  inside: null,
  names,
});

/** Descriptors and addresses that can be given anew, by the event after which they can. */
const RELEASES: Readonly<Record<string, readonly [arg: string, kind: string]>> = {
  tfree: ['tbl', 'table'],
  vfio_put_group: ['fd', 'groupfd'],
  vfio_disconnect_container: ['fd', 'containerfd'],
  vfio_put_base_device: ['fd', 'devicefd'],
  vfio_prereg_unregister: ['va', 'ua'],
};

/** The names as they are before an event: what is made by it is new. */
function renewed(names: Names, { name, args }: TimelineLine, own: ModelEvent): Names {
  if (name !== 'spapr_iommu_new_table') return names;
  const object = `tablefd ${own.args.fd}`;
  const rest = [...names].filter(([label, known]) => label !== `tablefd ${args.fd}` && known !== object);
  return new Map(rest);
}

function released(names: Names, { name, args }: TimelineLine): Names {
  const [arg, kind] = RELEASES[name] ?? [];
  return kind === undefined ? names : withoutName(names, kind, args[arg!]!);
}

const said = ({
  side,
  name,
  args,
}: Pick<TimelineLine, 'side' | 'name'> & { readonly args: object }): string =>
  `${side} ${name} ${Object.entries(args)
    .map(([arg, value]) => `${arg}=${typeof value === 'bigint' ? `0x${value.toString(16)}` : value}`)
    .join(' ')}`.trim();

/** The names after an event with the arguments of a line; a sentence where one differs. */
function argumentsMatch(before: Names, line: TimelineLine, own: ModelEvent): Names | string {
  let names = renewed(before, line, own);
  for (const [arg, value] of Object.entries(line.args)) {
    if (POINTERS[line.name]?.includes(arg) === true) continue;
    const given: Value = own.args[arg];
    const differs = `${arg} of ${said(own)}, recorded is ${arg}=${value}`;
    if (given === undefined) return `${differs}; the machine does not say`;
    const kind = kindOf(line.name, arg, value);
    const named = kind === null ? names : given === null ? null : withName(names, kind, value, given);
    if (named === null) return `${differs} (${namesAsText(names)})`;
    if (kind === null && given !== value && !isNumber(given, value)) return differs;
    names = named;
  }
  return released(names, line);
}

/** Whether a line is of calls that a timeline folds. */
const isFolded = ({ args }: TimelineLine): boolean => args.first !== undefined;

/** The progress after one call of those that a line stands for; a sentence where it is none of them. */
function counted(progress: TimelineProgress, line: TimelineLine, own: ModelEvent): TimelineProgress | string {
  const { first, last, entries: expected, liobn, size, lastSize } = line.args;
  const seen = progress.seen + 1;
  const entries = progress.entries + BigInt(own.args.entries ?? 0);
  const { at } = own.args;
  const wrong = (what: string): string =>
    `${what} of call ${seen} is ${said(own)}, recorded is ${said(line)} x${line.times}`;
  if (liobn !== undefined && !isNumber(own.args.liobn, liobn)) return wrong('the LIOBN');
  if (seen === 1 && !isNumber(at, first!)) return wrong('the address');
  if (seen === 1 && size !== undefined && !isNumber(own.args.size, size)) return wrong('the size');
  if (seen < line.times) return { ...progress, seen, entries };
  if (!isNumber(at, last!)) return wrong('the address');
  if (lastSize !== undefined && !isNumber(own.args.size, lastSize)) return wrong('the size');
  if (expected !== undefined && !isNumber(entries, expected))
    return wrong('the number of entries at the end');
  return { ...progress, at: progress.at + 1, seen: 0, entries: 0n };
}

/** The progress after an ioctl has returned; a sentence where it returned something else. */
function returned(progress: TimelineProgress, ret: number): TimelineProgress | string {
  const { inside } = progress;
  if (inside === null || ret === (inside.ret ?? 0)) return { ...progress, inside: null };
  return `${inside.name} returns ${ret}, recorded is ${inside.ret ?? 0} (line ${inside.line})`;
}

/** The progress after an event of the machines; a sentence where the timeline has something else. */
export function afterEvent(progress: TimelineProgress, own: ModelEvent): TimelineProgress | string {
  if (own.name === RETURN) return returned(progress, Number(own.args.ret));
  const line = progress.lines[progress.at];
  if (line === undefined) return `${said(own)}, and the recording has no more`;
  const here = `(line ${line.line})`;
  if (line.name !== own.name) return `${said(own)}, recorded is ${said(line)} ${here}`;
  if (isFolded(line)) {
    const next = counted(progress, line, own);
    return typeof next === 'string' ? `${next} ${here}` : next;
  }
  const names = argumentsMatch(progress.names, line, own);
  if (typeof names === 'string') return `${names} ${here}`;
  const inside = line.name.startsWith('ioctl ') ? line : progress.inside;
  return { ...progress, names, inside, at: progress.at + 1 };
}

/** Holds a run of the five machines against a timeline. */
export const TIMELINE: Follower<TimelineProgress> = {
  after: (progress, moved: Moved) => {
    let next = progress;
    for (const event of eventsOf(moved)) {
      const reached = afterEvent(next, event);
      if (typeof reached === 'string') return reached;
      next = reached;
    }
    return next;
  },
  expected: ({ lines, at }) => {
    const line = lines[at];
    return line === undefined ? 'nothing' : `${said(line)} (line ${line.line})`;
  },
  isComplete: ({ lines, at }) => at === lines.length,
  length: ({ at, seen }) => at + seen / 0x1_0000,
};
