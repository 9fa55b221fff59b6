import type { FollowReport } from '@spapr-dma/trace';
import { abridged, table } from '../text/table.js';
import { counted, grouped, pageSize, printable, share } from '../text/words.js';

export type Window = FollowReport['windows'][number];

const windowsMax = 40;

const columns = [
  { title: 'LIOBN' },
  { title: 'BUID' },
  { title: 'start' },
  { title: 'page', align: 'right' },
  { title: 'entries', align: 'right' },
  { title: 'created' },
  { title: 'removed' },
  { title: 'peak', align: 'right' },
  { title: '', align: 'right' },
  { title: 'mapped', align: 'right' },
  { title: 'unknown', align: 'right' },
] as const;

const moment = (at: Window['created'] | null): string =>
  at === null ? '-' : `${at.line} ${printable(at.by)}`;

/** The life of each window, one a line, in the order of their creation. */
export function windowsText({ windows, windowsOmitted }: FollowReport): string {
  if (windows.length === 0) return '';
  const rows = windows.map((window) => [
    window.liobn,
    window.buid ?? '-',
    window.start,
    pageSize(window.pageShift),
    grouped(window.entries),
    moment(window.created),
    moment(window.removed),
    grouped(window.peak),
    share(window.peak, window.entries),
    grouped(window.mapped),
    grouped(window.unknown),
  ]);
  const leftOut = (count: number) => [`… ${counted(count, 'more window')}: see --json`];
  const shown = table(columns, abridged<string[]>(rows, windowsMax, leftOut), '  ');
  const { count, peak, leftMapped } = windowsOmitted;
  const omitted =
    count === 0
      ? ''
      : `  and ${counted(count, 'window')} that ended: at most ${grouped(peak)} entries mapped in one, ` +
        `${grouped(leftMapped)} left mapped in all\n`;
  return `Windows (created and removed: line and event)\n${shown}${omitted}`;
}

/** A window as it stands, in one line. */
export const windowState = ({ liobn, start, pageShift, entries, mapped, unknown, created }: Window): string =>
  `${liobn} at ${start}, ${grouped(entries)} entries of ${pageSize(pageShift)}, ${grouped(mapped)} mapped` +
  `${unknown > 0 ? `, ${grouped(unknown)} unknown` : ''}, created on line ${created.line}`;
