import {
  high32,
  type IbmCreatePeDmaWindow,
  low32,
  PHB_WINDOWS_MAX,
  type RtasStatus,
  tceCount,
  unreachable,
} from '@spapr-dma/protocol';
import { ddwPhbOf, hasBit } from './ddw-common.js';
import type { CreateWindowFrame } from './frames-qemu.js';
import { rtasReturn, traced } from './sent.js';
import {
  type DisabledTable,
  type EnabledTable,
  type Phb,
  type QemuState,
  type Region,
  type SpaprTceTable,
  type StuckTable,
  tableOf,
  tablesOfPhb,
  windowsOfPhb,
  withTable,
} from './state.js';
import { call as callFunction, type Resumption, ret, returned, type Step, wait } from './steps.js';
import { replayCost } from './table-life.js';
import { type Geometry, pageBytesOf, regionOf } from './tce-index.js';

/** What a create decides before it changes anything. */
type Decision =
  | { readonly status: RtasStatus }
  | { readonly status: null; readonly slot: DisabledTable | StuckTable; readonly geometry: Geometry };

/** The slot a create takes: the first without a window, in the order of the PHB's children. */
function freeSlotOf(qemu: QemuState, phb: Phb): DisabledTable | StuckTable | undefined {
  const free = tablesOfPhb(qemu, phb.properties.index).filter((table) => table.mode !== 'enabled');
  return phb.slotOrder
    .map((slot) => free.find(({ owner }) => owner.kind === 'phb' && owner.slot === slot))
    .find((table) => table !== undefined);
}

/** Entries of a window, in QEMU's arithmetic: the shift counts modulo 64, the result is cut to 32 bits. */
const entriesOf = (pageShift: number, windowShift: number): number =>
  Number(BigInt.asUintN(32, 1n << BigInt((windowShift - pageShift) & 63)));

const overlaps = ({ region }: EnabledTable, { start, bytes }: Region): boolean =>
  start < region.start + region.bytes && region.start < start + bytes;

/** The checks in QEMU's order, then those that a fixed switch adds. */
function decide(qemu: QemuState, call: IbmCreatePeDmaWindow): Decision {
  const { switches } = qemu.config;
  if (call.args.length !== 5 || call.nret !== 4) return { status: 'PARAM_ERROR' };
  const phb = ddwPhbOf(qemu, call);
  if (phb === undefined) return { status: 'PARAM_ERROR' };
  const [, , , pageShift = 0, windowShift = 0] = call.args;
  const windows = windowsOfPhb(qemu, phb.properties.index);
  if (!hasBit(phb.properties.pgsz, pageShift) || windowShift < pageShift) return { status: 'PARAM_ERROR' };
  if (switches.shiftCheck === 'fixed' && windowShift > 63) return { status: 'PARAM_ERROR' };
  if (switches.nbTruncation === 'fixed' && windowShift - pageShift >= 32) return { status: 'PARAM_ERROR' };
  const slot = freeSlotOf(qemu, phb);
  if (slot === undefined || windows.length === PHB_WINDOWS_MAX) return { status: 'HW_ERROR' };

  const { dmaWinAddr, dma64WinAddr } = phb.properties;
  const busOffset: bigint = windows.length === 0 ? dmaWinAddr : dma64WinAddr;
  const nbTable = tceCount(entriesOf(pageShift, windowShift));
  const geometry = { pageShift, busOffset, nbTable };
  const region = regionOf(geometry);
  if (switches.createAddrCheck === 'fixed' && windows.some((window) => overlaps(window, region))) {
    return { status: 'HW_ERROR' };
  }
  return { status: null, slot, geometry };
}

/**
 * Makes a window in a free slot: at the default address where the PHB has none, else at the dynamic one,
 * whether or not that is free (B-32). The count of entries is cut to 32 bits (B-33) and the shifts count
 * modulo 64 (B-53); a count of 0 answers HW_ERROR and leaves the slot stuck.
 *
 * Where a notifier of the environment listens to the PHB's windows, the call waits for it before it answers: the
 * replay of the new window, or its skipping.
 * @see [QEMU] hw/ppc/spapr_rtas_ddw.c: rtas_ibm_create_pe_dma_window; hw/ppc/spapr_iommu.c: spapr_tce_replay
 */
export function rtasIbmCreatePeDmaWindow(
  qemu: QemuState,
  frame: CreateWindowFrame,
  resumed: Resumption,
): Step {
  const { call } = frame;
  const answered = (at: QemuState, status: RtasStatus): Step => ret(at, null, [rtasReturn(call, status)]);
  const table = tableOf(qemu, BigInt(frame.liobn));
  switch (frame.at) {
    case 'begin': {
      const decision = decide(qemu, call);
      if (decision.status !== null) return answered(qemu, decision.status);
      const { slot, geometry } = decision;
      return callFunction(
        withTable({ ...qemu, creating: call }, { ...slot, skippingReplay: true }),
        { ...frame, at: 'enabled', liobn: slot.liobn },
        { fn: 'spapr_tce_table_enable', at: 'begin', liobn: slot.liobn, ...geometry },
      );
    }
    case 'enabled': {
      if (table === undefined) return unreachable('a slot went while its window was made');
      if (table.mode !== 'enabled') return answered(skipped(qemu, table), 'HW_ERROR');
      if (returned(resumed)) {
        return callFunction(
          skipped(qemu, table),
          { ...frame, at: 'undone' },
          { fn: 'spapr_tce_table_disable', at: 'begin', liobn: table.liobn },
        );
      }
      if ((ddwPhbOf(qemu, call)?.notifiers ?? 0) === 0)
        return ret(skipped(qemu, table), null, created(call, table));
      return wait(qemu, { ...frame, at: 'showingWindow' });
    }
    case 'showingWindow': {
      if (table?.mode !== 'enabled') return unreachable('a create waits without a window');
      const replayed = qemu.config.switches.replayPolicy === 'always' ? replayCost(table) : [];
      return ret(skipped(qemu, table), null, [...replayed, ...created(call, table)]);
    }
    case 'undone':
      return answered(qemu, 'HW_ERROR');
    default:
      return unreachable(`rtas_ibm_create_pe_dma_window at ${frame.at satisfies never}`);
  }
}

/** The create has done with its window. */
const skipped = (qemu: QemuState, table: SpaprTceTable): QemuState =>
  withTable({ ...qemu, creating: null }, { ...table, skippingReplay: false });

/** The line and the answer of a create that worked. */
const created = (call: IbmCreatePeDmaWindow, { pageShift, busOffset, liobn }: EnabledTable) => [
  traced({
    event: 'spapr_iommu_ddw_create',
    buid: (BigInt(call.args[1] ?? 0) << 32n) | BigInt(call.args[2] ?? 0),
    cfgaddr: call.args[0] ?? 0,
    pageBytes: pageBytesOf(pageShift),
    requestedBytes: pageBytesOf(call.args[4] ?? 0),
    start: busOffset,
    liobn: BigInt(liobn),
  }),
  rtasReturn(call, 'SUCCESS', [liobn, high32(busOffset), low32(busOffset)]),
];
