import {
  type EnabledTable,
  pageBytesOf,
  type QemuState,
  type SpaprTceTable,
  tableOf,
  tceIndexAt,
} from '@spapr-dma/qemu-spapr';
import type { HcallMade } from '@spapr-dma/trace';
import { isMoved, overlapOf } from '../generate/window-facts.js';
import type { Tally } from './tally.js';

const LIOBN_MAX = 0xffff_ffffn;
const LIST_MAX = 512n;
const LIST_BYTES = 0x1000n;
/** Page sizes that are named in the architecture; others count as one situation. */
const NAMED_SHIFTS = new Set([12, 16, 21, 24, 25, 26, 27, 28, 34]);

export const HCALL_SITUATIONS = [
  'LIOBN above 32 bits',
  'LIOBN of nothing',
  'LIOBN of a slot without a window',
  'LIOBN of a stuck slot',
  'window of a VIO device',
  'window that overlaps another one',
  'address that two windows have',
  'window that devices find elsewhere',
  'window of one entry',
  'window of pages of 4 KiB',
  'window of pages of 64 KiB',
  'window of pages of 2 MiB',
  'window of pages of 16 MiB',
  'window of pages of 32 to 256 MiB',
  'window of pages of 16 GiB',
  'window of pages of another size',
  'window of a page shift above 63',
  'first page',
  'last page',
  'first page behind the window',
  'address behind the window',
  'address before the window',
  'address within a page',
  'TCE without permission',
  'TCE to read',
  'TCE to write',
  'TCE to read and write',
  'TCE of memory that is not there',
  'TCE with bits below the page number',
  '0 pages',
  'pages up to the end',
  'pages past the end',
  'all pages',
  'more pages than the table has',
  'more pages than 32 bits hold',
  'list of 512 pages',
  'list of more than 512 pages',
  'list between pages',
  'list outside memory',
  'list that ends early',
] as const;
export type HcallSituation = (typeof HCALL_SITUATIONS)[number];

function sizeOf(pageShift: number): HcallSituation {
  switch (pageShift & 63) {
    case 12:
      return 'window of pages of 4 KiB';
    case 16:
      return 'window of pages of 64 KiB';
    case 21:
      return 'window of pages of 2 MiB';
    case 24:
      return 'window of pages of 16 MiB';
    case 34:
      return 'window of pages of 16 GiB';
    default:
      return NAMED_SHIFTS.has(pageShift & 63)
        ? 'window of pages of 32 to 256 MiB'
        : 'window of pages of another size';
  }
}

/** Counts what a hypercall is about. */
export function countHcall(
  tally: Tally<HcallSituation>,
  { op, args, list }: HcallMade,
  before: QemuState,
): void {
  const [liobn = 0n, ioba = 0n, third = 0n, npages = 0n] = args;
  const table = tableOf(before, liobn);
  if (table === undefined) tally.count(liobn > LIOBN_MAX ? 'LIOBN above 32 bits' : 'LIOBN of nothing');
  else if (table.mode !== 'enabled')
    tally.count(table.mode === 'stuck' ? 'LIOBN of a stuck slot' : 'LIOBN of a slot without a window');
  else countWindow(tally, before, table, ioba);
  if (op === 'H_PUT_TCE' || op === 'H_STUFF_TCE') countTce(tally, before, third);
  if (op === 'H_STUFF_TCE') countPages(tally, table, ioba, npages);
  if (op === 'H_PUT_TCE_INDIRECT') {
    countPages(tally, table, ioba, npages);
    countList(tally, before, third, npages, list.length);
  }
}

function countWindow(tally: Tally<HcallSituation>, qemu: QemuState, table: EnabledTable, ioba: bigint): void {
  if (table.owner.kind === 'vio') tally.count('window of a VIO device');
  const other = overlapOf(qemu, table);
  const index = tceIndexAt(table, ioba);
  if (other !== undefined) {
    tally.count('window that overlaps another one');
    if (index !== undefined && tceIndexAt(other, ioba) !== undefined)
      tally.count('address that two windows have');
  }
  if (isMoved(table)) tally.count('window that devices find elsewhere');
  if (table.nbTable === 1) tally.count('window of one entry');
  tally.count(sizeOf(table.pageShift));
  if (table.pageShift > 63) tally.count('window of a page shift above 63');
  if (index === 0) tally.count('first page');
  if (index === table.nbTable - 1) tally.count('last page');
  const pageBytes = pageBytesOf(table.pageShift);
  const offset = ioba - table.busOffset;
  if (index !== undefined) {
    if ((ioba & (pageBytes - 1n)) !== 0n) tally.count('address within a page');
  } else if (offset < 0n) tally.count('address before the window');
  else {
    const isFirst = offset / pageBytes === BigInt(table.nbTable);
    tally.count(isFirst ? 'first page behind the window' : 'address behind the window');
  }
}

const PERMISSIONS = [
  'TCE without permission',
  'TCE to read',
  'TCE to write',
  'TCE to read and write',
] as const satisfies readonly HcallSituation[];

const isMemory = ({ ram }: QemuState, address: bigint): boolean =>
  ram.some(({ gpa, bytes }) => address >= gpa && address < gpa + bytes);

function countTce(tally: Tally<HcallSituation>, qemu: QemuState, tce: bigint): void {
  const permissions = Number(tce & 3n);
  tally.count(PERMISSIONS[permissions] as HcallSituation);
  if (permissions > 0 && !isMemory(qemu, tce & ~0xfffn)) tally.count('TCE of memory that is not there');
  if ((tce & 0xffcn) !== 0n) tally.count('TCE with bits below the page number');
}

function countPages(
  tally: Tally<HcallSituation>,
  table: SpaprTceTable | undefined,
  ioba: bigint,
  npages: bigint,
): void {
  if (npages === 0n) tally.count('0 pages');
  if (npages > LIOBN_MAX) tally.count('more pages than 32 bits hold');
  if (table?.mode !== 'enabled') return;
  const entries = BigInt(table.nbTable);
  if (npages > entries) {
    tally.count('more pages than the table has');
    return;
  }
  const first = tceIndexAt(table, ioba);
  if (first === undefined) return;
  const left = entries - BigInt(first);
  if (npages === left) tally.count('pages up to the end');
  if (npages > left) tally.count('pages past the end');
  if (npages === entries && first === 0) tally.count('all pages');
}

function countList(
  tally: Tally<HcallSituation>,
  qemu: QemuState,
  address: bigint,
  npages: bigint,
  length: number,
): void {
  if (npages === LIST_MAX) tally.count('list of 512 pages');
  if (npages > LIST_MAX) tally.count('list of more than 512 pages');
  if (address % LIST_BYTES !== 0n) tally.count('list between pages');
  else if (!isMemory(qemu, address)) tally.count('list outside memory');
  else if (npages <= LIST_MAX && BigInt(length) < npages) tally.count('list that ends early');
}
