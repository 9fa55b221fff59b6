import type { IommuTable } from '@spapr-dma/powernv-ioda2';
import { type TceIndex, tceIndex } from '@spapr-dma/protocol';
import { forEachDifferentRun, forEachMapped, mappedCount, type TceTable, tceAt } from '@spapr-dma/tce-table';
import { type GuestMemory, hpaOf } from './guest-memory.js';
import { hex } from './property.js';
import type { ServedWindow } from './served-windows.js';

const READ_WRITE = 3n;
const WRITE = 2n;

/** A served window that has a hardware table. */
type Backed = ServedWindow & { readonly iommuTable: IommuTable };
export const isBacked = (window: ServedWindow): window is Backed => window.iommuTable !== null;

/** log2 of the hardware entries behind one of the guest. */
const subpageShift = ({ table, iommuTable }: Backed): number =>
  Math.max((table.pageShift & 63) - iommuTable.pageShift, 0);

const permissionText = (word: bigint): string =>
  ({ 0: 'nothing', 1: 'reading', 2: 'writing' })[Number(word & READ_WRITE)] ?? 'reading and writing';

/** What a hardware entry must hold for the guest's view to be true: 0 where the guest has mapped no RAM. */
function expectedWord(memory: GuestMemory, window: Backed, index: number): bigint {
  const { table, view, iommuTable } = window;
  const shift = subpageShift(window);
  const tce = tceAt(view, tceIndex(Math.floor(index / 2 ** shift)));
  if ((tce & READ_WRITE) === 0n) return 0n;
  const page = tce - (tce & ((1n << BigInt(table.pageShift & 63)) - 1n));
  const hpa = hpaOf(memory, page + (BigInt(index % 2 ** shift) << BigInt(iommuTable.pageShift)));
  // Hardware that may write may read too.
  return hpa === null ? 0n : hpa | ((tce & WRITE) === 0n ? 1n : READ_WRITE);
}

/** How one hardware entry differs from what the guest's view says; null where it does not. */
function differenceAt(memory: GuestMemory, window: Backed, index: number): string | null {
  const { table, view, iommuTable } = window;
  const found = tceAt(iommuTable.hardware, tceIndex(index));
  const isValid = (found & READ_WRITE) !== 0n;
  const expected = expectedWord(memory, window, index);
  if (isValid ? found === expected : expected === 0n) return null;
  const guests = tceAt(view, tceIndex(Math.floor(index / 2 ** subpageShift(window))));
  const ioba = table.busOffset + (BigInt(index) << BigInt(iommuTable.pageShift));
  const said =
    expected === 0n
      ? `has ${hex(guests)}, which is no mapping of RAM`
      : `has ${hex(guests)}, which is HPA ${hex(expected - (expected & READ_WRITE))} for ${permissionText(expected)}`;
  const has = isValid
    ? `lets devices through to HPA ${hex(found - (found & READ_WRITE))} for ${permissionText(found)}`
    : 'lets no device through';
  return `At ${hex(ioba)} LIOBN ${hex(table.liobn)} ${said}, but hardware table ${iommuTable.table} ${has}.`;
}

/** How the hardware differs from entries [first, first + count) of the guest's view. */
export function differenceIn(
  memory: GuestMemory,
  window: Backed,
  first: number,
  count: number,
): string | null {
  const shift = subpageShift(window);
  const end = Math.min((first + count) * 2 ** shift, window.iommuTable.hardware.entries);
  for (let index = first * 2 ** shift; index < end; index += 1) {
    const text = differenceAt(memory, window, index);
    if (text !== null) return text;
  }
  return null;
}

/** Versions of a view and of a hardware table that agreed, in a certain memory and shape. */
interface Agreed {
  readonly view: TceTable;
  readonly hardware: TceTable;
  readonly key: string;
}
/**
 * What agreed last, by LIOBN and hardware table. Agreement is a fact about versions, on whatever path they
 * were met, so what has not changed since need not be looked at again.
 */
const lastAgreed = new Map<string, Agreed>();

const keyOf = ({ key }: GuestMemory, { table, iommuTable }: Backed): string =>
  `${table.pageShift} ${iommuTable.pageShift} ${table.nbTable} ${iommuTable.hardware.entries} ${key}`;

/** The entries of the guest in which two versions differ, or all that are mapped where there is no earlier one. */
function forEachSuspect(
  window: Backed,
  agreed: Agreed | undefined,
  visit: (index: number, count: number) => void,
) {
  const { view, iommuTable } = window;
  const perGuest = 2 ** subpageShift(window);
  // Runs come in order; the hardware entries of one guest entry are looked at once.
  let seen = 0;
  const ofHardware = (index: number, count: number) => {
    const first = Math.max(Math.floor(index / perGuest), seen);
    const end = Math.min(Math.ceil((index + count) / perGuest), view.entries);
    if (first < end) visit(first, end - first);
    seen = Math.max(seen, end);
  };
  if (agreed === undefined) {
    forEachMapped(view, (index) => visit(index, 1));
    forEachMapped(iommuTable.hardware, (index: TceIndex) => ofHardware(index, 1));
  } else {
    forEachDifferentRun(agreed.view, view, (first, count) => visit(first, count));
    forEachDifferentRun(agreed.hardware, iommuTable.hardware, ofHardware);
  }
}

/** The first entry in which hardware and guest view differ, as a sentence; null where they agree. */
export function disagreement(memory: GuestMemory, window: ServedWindow): string | null {
  const { table, view, containerFd } = window;
  if (!isBacked(window)) {
    const mapped = mappedCount(view);
    return mapped === 0
      ? null
      : `LIOBN ${hex(table.liobn)} has ${mapped} entries, and the container with fd ${containerFd} has no hardware window at ${hex(table.region.start)}.`;
  }
  const name = `${table.liobn} ${window.iommuTable.table}`;
  const key = keyOf(memory, window);
  const known = lastAgreed.get(name);
  const agreed = known?.key === key ? known : undefined;
  let text: string | null = null;
  forEachSuspect(window, agreed, (first, count) => {
    text ??= differenceIn(memory, window, first, count);
  });
  if (text === null) lastAgreed.set(name, { view, hardware: window.iommuTable.hardware, key });
  return text;
}
