import type { SizeReport } from '@spapr-dma/system';
import type { Paint } from '../text/paint.js';
import { table } from '../text/table.js';
import { enumerated, grouped, pageSize, printable } from '../text/words.js';
import type { SizeCall } from './size-call.js';

const kib = (value: number): string => `${grouped(value)} KiB`;

function lockedText({ lockedKb }: SizeReport, { iommu }: SizeCall): string {
  const rows = [
    [
      iommu === 'v1' ? '2 GiB for each container, by ENABLE' : 'guest memory, registered once',
      kib(lockedKb.ram),
    ],
    ["the host's tables with their userspace views", kib(lockedKb.windows)],
    ["KVM's tables", kib(lockedKb.kvm)],
    ['together', kib(lockedKb.total)],
  ];
  return table([{ title: 'Locked memory' }, { title: '', align: 'right' }], rows);
}

function windowsText({ windows }: SizeReport): string {
  const rows = windows.map(({ start, pageShift, entries, levels, accepted, kb }) => [
    `0x${start.toString(16)}`,
    pageSize(pageShift),
    grouped(entries),
    `${levels}`,
    enumerated(accepted.map(String)),
    kib(kb),
  ]);
  const columns = [
    { title: 'Host window' },
    { title: 'page', align: 'right' },
    { title: 'entries', align: 'right' },
    { title: 'levels', align: 'right' },
    { title: 'accepted' },
    { title: 'charged', align: 'right' },
  ] as const;
  return table(columns, rows);
}

function failureText({ firstFailure }: SizeReport, { memlock }: SizeCall, paint: Paint): string {
  if (firstFailure === null) return `${paint.good('With that limit nothing fails.')}\n`;
  const { limitKb, call, errno, during, outcome } = firstFailure;
  const which = memlock === null ? `A page less (${kib(limitKb)})` : `With ${kib(limitKb)}`;
  return `${which}: in ${during}, ${call} fails with ${errno}. ${printable(outcome)}.\n`;
}

/** The report for people. */
export function sizeText(call: SizeCall, report: SizeReport, paint: Paint): string {
  const limit = `RLIMIT_MEMLOCK must be ${grouped(report.memlock)} bytes (ulimit -l ${report.memlock / 1024}).\n`;
  const windows = report.windows.length === 0 ? [] : [windowsText(report)];
  return [lockedText(report, call), ...windows, limit + failureText(report, call, paint)].join('\n');
}
