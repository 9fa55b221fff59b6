import { durationText, type ReplayCell, type ReplaySituation } from '@spapr-dma/system';
import type { Paint } from '../text/paint.js';
import { type Cell, table } from '../text/table.js';
import { enumerated, grouped, pageSize } from '../text/words.js';
import type { Comparison } from './compare-document.js';

/** `2^18` where it is a large power of two, else the digits. */
function countText(count: number): string {
  const shift = Math.log2(count);
  return Number.isInteger(shift) && shift >= 10 ? `2^${shift}` : grouped(count);
}

/** What is told of a cell, in a column for each policy. */
interface Figure {
  readonly title: string;
  readonly of: (cell: ReplayCell, paint: Paint) => Cell;
}

const FIGURES: readonly Figure[] = [
  { title: 'steps of replay', of: ({ steps }) => countText(steps) },
  {
    title: 'simulated time',
    of: ({ nanoseconds, stalls }, paint) =>
      stalls ? { text: `${durationText(nanoseconds)} !`, paint: paint.bad } : durationText(nanoseconds),
  },
  { title: 'table pages faulted in', of: ({ faults }) => countText(faults) },
  {
    title: 'mappings missed',
    of: ({ missed }, paint) => (missed > 0 ? { text: grouped(missed), paint: paint.bad } : '0'),
  },
  { title: 'exits to userspace', of: ({ exits }) => grouped(exits) },
];

const TITLES: Readonly<Record<ReplaySituation, string>> = {
  create: 'The guest makes the window, and a passed-through device is there',
  'hot-add': 'A device is passed through, and the guest has made the window and mapped through KVM before',
};

const plainOf = (cell: Cell): string => (typeof cell === 'string' ? cell : cell.text);

interface Row {
  readonly entries: string;
  readonly fill: string;
  readonly cells: readonly Cell[];
}
const isAlike = (a: Row, b: Row): boolean =>
  a.cells.length === b.cells.length && a.cells.every((cell, at) => plainOf(cell) === plainOf(b.cells[at]!));

/** Rows that say the same of one window become one. */
function joinedFills(rows: readonly Row[]): readonly Row[] {
  const joined: { row: Row; fills: string[] }[] = [];
  for (const row of rows) {
    const same = joined.find((each) => isAlike(each.row, row));
    if (same === undefined) joined.push({ row, fills: [row.fill] });
    else same.fills.push(row.fill);
  }
  return joined.map(({ row, fills }) => ({
    ...row,
    fill: fills.length > 1 && joined.length === 1 ? 'any' : fills.join(', '),
  }));
}

/** Windows of which the same is said become one row each, or one block. */
function joinedEntries(blocks: readonly (readonly Row[])[]): readonly Row[] {
  const [first, ...others] = blocks;
  const isSame = (block: readonly Row[]) =>
    block.length === first!.length &&
    block.every((row, at) => row.fill === first![at]!.fill && isAlike(row, first![at]!));
  if (first === undefined || others.length === 0 || !others.every(isSame)) return blocks.flat();
  return first.map((row) => ({ ...row, entries: 'any' }));
}

/** One figure of one situation: a row for each window, with a column for each policy. */
function figureText(
  { values, cells }: Comparison,
  situation: ReplaySituation,
  figure: Figure,
  paint: Paint,
): string {
  const here = cells.filter((cell) => cell.situation === situation);
  const sizes = [...new Set(here.map(({ entries }) => entries))];
  const blocks = sizes.map((entries) => {
    const ofSize = here.filter((cell) => cell.entries === entries);
    const fills = [...new Set(ofSize.map(({ fill }) => fill))];
    return joinedFills(
      fills.map((fill) => ({
        entries: countText(entries),
        fill,
        cells: values.map((value): Cell => {
          const cell = ofSize.find((each) => each.fill === fill && each.value === value);
          return cell === undefined ? '' : figure.of(cell, paint);
        }),
      })),
    );
  });
  const rows = joinedEntries(blocks).map(({ entries, fill, cells: own }) => [entries, fill, ...own]);
  const columns = [
    { title: 'entries', align: 'right' },
    { title: 'table' },
    ...values.map((value) => ({ title: value, align: 'right' }) as const),
  ] as const;
  return `${figure.title}\n${table(columns, rows, '  ')}`;
}

/** The policies side by side, for people. */
export function replayText(comparison: Comparison, paint: Paint): string {
  const { cells, machine, preset } = comparison;
  if (machine === null) return '';
  const situations = [...new Set(cells.map(({ situation }) => situation))];
  const lives = [...new Set(cells.map(({ fill, live }) => `${fill} ${grouped(live)}`))];
  const head =
    `replayPolicy with ${preset}: a window of pages of ${pageSize(machine.pageShift)}, the only one of its PHB. ` +
    `Live entries: ${enumerated(lives)}.\n` +
    `! is longer than the guest's stall limit of ${machine.stallSeconds} s.\n`;
  const parts = situations.flatMap((situation) => [
    paint.strong(`${TITLES[situation]}\n`),
    ...FIGURES.map((figure) => figureText(comparison, situation, figure, paint)),
  ]);
  return [head, ...parts].join('\n');
}
