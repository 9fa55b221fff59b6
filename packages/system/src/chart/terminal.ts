import type { GroupAtEnd, HostAtEnd } from '../story/host-at-end.js';
import { windowText } from '../story/judge.js';
import type { StoryMessage, StoryResult } from '../story/result.js';
import type { ChartItem } from './chart-item.js';
import type { Charted } from './charted.js';
import { type ChartOptions, chartItems, clockText, isReply, labelOf, leftOutText } from './items.js';

const TIME_WIDTH = 12;
const STEP_WIDTH = 5;
const LANE_GAP = 4;

/** Where each lane's line stands, in columns. */
function lanesOf(participants: readonly string[]): ReadonlyMap<string, number> {
  const lanes = new Map<string, number>();
  let column = 0;
  for (const name of participants) {
    lanes.set(name, column);
    column += name.length + LANE_GAP;
  }
  return lanes;
}

const widthOf = (participants: readonly string[]): number =>
  participants.reduce((width, name) => width + name.length + LANE_GAP, 0);

/** The lanes with an arrow between two of them. */
function arrow({ from, to, ...message }: StoryMessage, lanes: ReadonlyMap<string, number>, width: number) {
  const cells = bars(lanes, width);
  const [start, end] = [lanes.get(from) ?? 0, lanes.get(to) ?? 0];
  const [left, right] = start < end ? [start, end] : [end, start];
  const line = isReply({ from, to, ...message }) ? '╌' : '─';
  for (let column = left + 1; column < right; column += 1) cells[column] = cells[column] === '│' ? '┼' : line;
  if (start === end) cells[start] = '◆';
  else {
    cells[start] = start < end ? '├' : '┤';
    cells[end] = start < end ? '▶' : '◀';
  }
  return cells.join('');
}

function bars(lanes: ReadonlyMap<string, number>, width: number): string[] {
  const cells = new Array<string>(width).fill(' ');
  for (const column of lanes.values()) cells[column] = '│';
  return cells;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

const BASES = {
  own: 'its first table',
  none: 'nothing',
  stale: 'a table that is not its first',
  mixed: 'different tables',
} as const;

function groupText({ group, owner, bypass, base, windows }: GroupAtEnd): readonly string[] {
  const whose = owner === 'vfio' ? "VFIO's" : "the host's";
  return [
    `  group ${group} is ${whose}, bypass ${bypass ? 'on' : 'off'}, table bases name ${BASES[base]}`,
    ...windows.map(
      ({ num, start, pageShift, levels, entries, mapped, references }) =>
        `    window ${num} at ${hex(start)}: ${entries} entries of 2^${pageShift} bytes, levels ${levels}, ${mapped} mapped, ${references} references`,
    ),
  ];
}

/** What the host is left with, for people. */
const hostText = ({ lockedKb, leakedRegions, orphanTables, groups }: HostAtEnd): readonly string[] => [
  '',
  'The host at the end:',
  `  ${lockedKb} kB charged to QEMU`,
  ...(leakedRegions === 0 ? [] : [`  ${leakedRegions} regions that stay pinned for ever`]),
  ...(orphanTables === 0 ? [] : [`  ${orphanTables} tables that no group and no container has`]),
  ...groups.flatMap(groupText),
];

/** What a step changed, below its arrow: the lane of the machine that it changed in is marked. */
function changeLine(participant: string, text: string, lanes: ReadonlyMap<string, number>, width: number) {
  const cells = bars(lanes, width);
  const column = lanes.get(participant);
  if (column !== undefined) cells[column] = '┊';
  return `${cells.join('')}  ${text}`;
}

/** The lanes of a chart for people: when, one lane a machine, and what is said beside the arrow. */
export function terminalLanes(result: Charted, options: ChartOptions = {}): string {
  const { participants, clock = 'time' } = result;
  const clockWidth = clock === 'time' ? TIME_WIDTH : STEP_WIDTH;
  const lanes = lanesOf(participants);
  const width = widthOf(participants);
  const blank = bars(lanes, width).join('');
  const margin = ' '.repeat(clockWidth);
  const line = (item: ChartItem): string => {
    switch (item.kind) {
      case 'message': {
        const when = clockText(result, item.message).padStart(clockWidth);
        return `${when}  ${arrow(item.message, lanes, width)}${labelOf(item.message)}`;
      }
      case 'change':
        return `${margin}  ${changeLine(item.participant, item.text, lanes, width)}`;
      case 'left-out':
        return `${margin}  ${blank}⋮ ${leftOutText(item)}`;
      case 'violation':
        return `${margin}  ${blank}✗ ${item.text}`;
    }
  };
  const heads = participants.map((name) => name.padEnd(name.length + LANE_GAP)).join('');
  return [
    `${result.title} (${result.preset})`,
    '',
    `${clock.padStart(clockWidth)}  ${heads}`.trimEnd(),
    ...chartItems(result, options).map(line),
    '',
  ].join('\n');
}

/** A story's chart for people, and what is there at its end. */
export function terminalChart(result: StoryResult, options: ChartOptions = {}): string {
  const windows =
    result.windows.length === 0 ? ['  none'] : result.windows.map((window) => `  ${windowText(window)}`);
  return [
    terminalLanes(result, options),
    'Windows at the end:',
    ...windows,
    ...(result.host === null ? [] : hostText(result.host)),
    '',
  ].join('\n');
}
