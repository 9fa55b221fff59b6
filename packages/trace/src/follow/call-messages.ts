import { INDIRECT_TCES_MAX, type TraceEvent, threadId } from '@spapr-dma/protocol';
import {
  type EnabledTable,
  endOf,
  pageBytesOf,
  pageMaskOf,
  type QemuReceived,
  type QemuState,
  tableOf,
  tceIndexAt,
} from '@spapr-dma/qemu-spapr';

/** What the guest must have called so that QEMU logged this line. */

type Line<Event extends TraceEvent['event']> = Extract<TraceEvent, { readonly event: Event }>;

const VCPU = threadId('vcpu');

const enabled = (qemu: QemuState, liobn: bigint): EnabledTable | undefined => {
  const table = tableOf(qemu, liobn);
  return table?.mode === 'enabled' ? table : undefined;
};

export const putOf = ({ liobn, ioba, tce }: Line<'spapr_iommu_put'>): QemuReceived => ({
  from: 'guest-kernel',
  to: 'qemu-spapr',
  thread: VCPU,
  type: 'H_PUT_TCE',
  liobn,
  ioba,
  tce,
});

export const getOf = ({ liobn, ioba }: Line<'spapr_iommu_get'>): QemuReceived => ({
  from: 'guest-kernel',
  to: 'qemu-spapr',
  thread: VCPU,
  type: 'H_GET_TCE',
  liobn,
  ioba,
});

/**
 * The line names the address after the loop. Of a call that failed, the start is not in the line; it is
 * taken to be that address, which is the case where nothing was written.
 */
export function stuffOf(qemu: QemuState, line: Line<'spapr_iommu_stuff'>): QemuReceived {
  const table = enabled(qemu, line.liobn);
  const written = line.ret === 0 && table !== undefined ? line.npages * pageBytesOf(table.pageShift) : 0n;
  return {
    from: 'guest-kernel',
    to: 'qemu-spapr',
    thread: VCPU,
    type: 'H_STUFF_TCE',
    liobn: line.liobn,
    ioba: BigInt.asUintN(64, line.ioba - written),
    tceValue: line.tcevalue,
    npages: line.npages,
  };
}

/** Entries that a failing STUFF may have written before it stopped at the window's end; 0 where it could not. */
export function possiblyStuffed(table: EnabledTable, line: Line<'spapr_iommu_stuff'>): number {
  const page = pageBytesOf(table.pageShift);
  // A window may begin within a page; addresses are rounded down to pages all the same.
  const firstBeyond = BigInt.asUintN(64, endOf(table) + page - 1n) & pageMaskOf(table.pageShift);
  if (line.ret === 0 || line.npages === 0n || line.ioba !== firstBeyond) return 0;
  return Math.min(Number(line.npages) - 1, table.nbTable);
}

/** What a line of H_PUT_TCE_INDIRECT lets one know of the list. */
export interface IndirectGuess {
  readonly message: QemuReceived;
  /** Entries that were written, of which only the last may be known. */
  readonly written: number;
  readonly lastIsKnown: boolean;
  /** Whether entry 0 was written at all is open. */
  readonly firstIsOpen: boolean;
}

/**
 * The line shows the list's last TCE only. The others are guessed as a Linux guest would have written them,
 * pages that follow each other; they are marked unknown.
 */
export function indirectOf(qemu: QemuState, line: Line<'spapr_iommu_indirect'>): IndirectGuess {
  const table = enabled(qemu, line.liobn);
  const pageBytes = table === undefined ? 0x1000n : pageBytesOf(table.pageShift);
  const aligned = table === undefined ? line.ioba : line.ioba & pageMaskOf(table.pageShift);
  const first = table === undefined ? undefined : tceIndexAt(table, aligned);
  const room = table !== undefined && first !== undefined ? table.nbTable - first : 0;
  // Step 1: how many pages were asked for, and how many of them were written?
  const succeeded = line.ret === 0;
  const emptyCall = !succeeded && room > 0 && !(line.iobaN === room - 1 && (room > 1 || line.tceN !== 0n));
  const written = succeeded ? line.iobaN + 1 : emptyCall ? 0 : room;
  const npages = succeeded ? written : emptyCall ? 0 : room + 1;
  // Step 2: what stood in the list? The last word read is the line's.
  const lastRead = succeeded ? written - 1 : written;
  const tces: bigint[] = [];
  const firstGuess = line.tceN - BigInt(lastRead) * pageBytes;
  for (
    let at = 0, guess = firstGuess;
    at < Math.min(npages, INDIRECT_TCES_MAX + 1);
    at++, guess += pageBytes
  ) {
    tces.push(BigInt.asUintN(64, guess));
  }
  return {
    message: {
      from: 'guest-kernel',
      to: 'qemu-spapr',
      thread: VCPU,
      type: 'H_PUT_TCE_INDIRECT',
      liobn: line.liobn,
      ioba: line.ioba,
      tceList: line.tcelist,
      npages: BigInt(npages),
      tces,
    },
    written,
    lastIsKnown: succeeded,
    firstIsOpen: emptyCall && room === 1 && line.iobaN === 0,
  };
}

const split = (buid: bigint): readonly [number, number] => [Number(buid >> 32n), Number(buid & 0xffff_ffffn)];

export const queryOf = ({ buid, cfgaddr }: Line<'spapr_iommu_ddw_query'>): QemuReceived => ({
  from: 'guest-kernel',
  to: 'qemu-spapr',
  thread: VCPU,
  type: 'ibm,query-pe-dma-window',
  args: [cfgaddr, ...split(buid)],
  nret: 5,
});

/** log2 of a power of two, or -1. */
export const shiftOfBytes = (bytes: bigint): number =>
  bytes > 0n && (bytes & (bytes - 1n)) === 0n ? bytes.toString(2).length - 1 : -1;

/** The window's shift counts modulo 64, so a window below its page's size was asked for with 64 more. */
export function createOf(line: Line<'spapr_iommu_ddw_create'>): QemuReceived | null {
  const pageShift = shiftOfBytes(line.pageBytes);
  const requested = shiftOfBytes(line.requestedBytes);
  if (pageShift < 0 || requested < 0) return null;
  const windowShift = requested < pageShift ? requested + 64 : requested;
  return createCall(line.buid, line.cfgaddr, pageShift, windowShift);
}

export const createCall = (
  buid: bigint,
  cfgaddr: number,
  pageShift: number,
  windowShift: number,
): QemuReceived => ({
  from: 'guest-kernel',
  to: 'qemu-spapr',
  thread: VCPU,
  type: 'ibm,create-pe-dma-window',
  args: [cfgaddr, ...split(buid), pageShift, windowShift],
  nret: 4,
});

export const removeOf = ({ liobn }: Line<'spapr_iommu_ddw_remove'>): QemuReceived => ({
  from: 'guest-kernel',
  to: 'qemu-spapr',
  thread: VCPU,
  type: 'ibm,remove-pe-dma-window',
  args: [Number(liobn & 0xffff_ffffn)],
  nret: 1,
});

export const resetOf = ({ buid, cfgaddr }: Line<'spapr_iommu_ddw_reset'>): QemuReceived => ({
  from: 'guest-kernel',
  to: 'qemu-spapr',
  thread: VCPU,
  type: 'ibm,reset-pe-dma-window',
  args: [cfgaddr, ...split(buid)],
  nret: 1,
});

export const quiesceCall: QemuReceived = {
  type: 'quiesce',
  from: 'guest-kernel',
  to: 'qemu-spapr',
  thread: VCPU,
  args: [],
  nret: 1,
};

export const setIndicatorCall = (type: number, drc: number, state: number): QemuReceived => ({
  from: 'guest-kernel',
  to: 'qemu-spapr',
  thread: VCPU,
  type: 'set-indicator',
  args: [type, drc, state],
  nret: 1,
});
