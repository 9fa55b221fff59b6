import type { IbmCreatePeDmaWindow } from '@spapr-dma/protocol';
import type { EnabledTable, QemuState } from '@spapr-dma/qemu-spapr';
import type { SystemState } from '../choices.js';
import { kvmIn } from './host-state.js';
import {
  arrivingCall,
  enabledTable,
  guestsQemu,
  hex,
  type ObservedStep,
  type Property,
  qemusOf,
  rtasAnswer,
  windowEnd,
  windowsOf,
} from './property.js';

/** Creates that were not answered yet, by thread. */
type Asked = Readonly<Record<string, IbmCreatePeDmaWindow>>;

function overlapIn(qemu: QemuState): string | null {
  for (const phb of qemu.phbs) {
    const [first, second] = windowsOf(qemu, phb);
    if (first === undefined || second === undefined) continue;
    if (first.busOffset < windowEnd(second) && second.busOffset < windowEnd(first)) {
      return `On PHB ${phb.properties.index}, the windows of LIOBN ${hex(first.liobn)} (from ${hex(first.busOffset)}) and of LIOBN ${hex(second.liobn)} (from ${hex(second.busOffset)}) overlap.`;
    }
  }
  return null;
}

/** A window whose memory region lies elsewhere than its fields say (B-29). */
function movedRegionIn(qemu: QemuState): string | null {
  for (const table of qemu.tables) {
    if (table.mode !== 'enabled') continue;
    const { region, busOffset } = table;
    const bytes = windowEnd(table) - busOffset;
    if (region.start === busOffset && region.bytes === bytes) continue;
    return `LIOBN ${hex(table.liobn)} has its entries for ${hex(busOffset)} on, and devices find it at ${hex(region.start)} with ${hex(region.bytes)} bytes.`;
  }
  return null;
}

/** A view of KVM whose shape is not that of its window, or a hardware table that cannot serve it. */
function otherShapeIn(state: SystemState, qemu: QemuState): string | null {
  const kvm = kvmIn(state);
  if (kvm === undefined) return null;
  for (const table of qemu.tables) {
    if (table.mode !== 'enabled' || table.fd < 0) continue;
    const stt = kvm.tables.find(({ fd }) => fd === table.fd);
    if (stt === undefined) continue;
    const start = stt.offset << BigInt(stt.pageShift);
    const isSame =
      stt.pageShift === table.pageShift && start === table.busOffset && stt.size === table.nbTable;
    if (!isSame) {
      return `LIOBN ${hex(table.liobn)} has ${table.nbTable} entries of 2^${table.pageShift} bytes at ${hex(table.busOffset)} in QEMU, and ${stt.size} of 2^${stt.pageShift} at ${hex(start)} in KVM.`;
    }
    const unfit = stt.iommuTables.find(({ hw }) => {
      const hwStart = hw.offset << BigInt(hw.pageShift);
      const hwBytes = BigInt(hw.size) << BigInt(hw.pageShift);
      return (
        hw.pageShift > stt.pageShift ||
        hwStart !== start ||
        hwBytes < BigInt(stt.size) << BigInt(stt.pageShift)
      );
    });
    if (unfit !== undefined) {
      const { hw } = unfit;
      return `KVM ties LIOBN ${hex(table.liobn)} to hardware table ${hw.table} with ${hw.size} entries of 2^${hw.pageShift} bytes, which is no table for its window.`;
    }
  }
  return null;
}

/** What a create was asked for, against what it made. */
function notAsAsked(call: IbmCreatePeDmaWindow, table: EnabledTable): string | null {
  const [, , , pageShift = 0, windowShift = 0] = call.args;
  const asked = `ibm,create-pe-dma-window for page shift ${pageShift} and window shift ${windowShift}`;
  if (table.pageShift > 63) return `${asked} succeeds, though no page has 2^${pageShift} bytes.`;
  if (table.pageShift !== pageShift) return `${asked} makes pages of 2^${table.pageShift} bytes.`;
  if (BigInt(table.nbTable) << BigInt(pageShift) === 1n << BigInt(windowShift)) return null;
  return `${asked} makes a window of ${table.nbTable} entries.`;
}

/** The create that is answered with success in this step, and its window. */
function createdIn(
  asked: Asked,
  step: ObservedStep,
): readonly [IbmCreatePeDmaWindow, EnabledTable] | undefined {
  const answer = rtasAnswer(step);
  if (answer?.call !== 'ibm,create-pe-dma-window' || answer.status !== 'SUCCESS') return undefined;
  const call = asked[answer.thread];
  const table = enabledTable(guestsQemu(step.moved.state), BigInt(answer.outputs[0] ?? 0));
  return call === undefined || table === undefined ? undefined : [call, table];
}

export const geometry: Property<Asked> = {
  name: 'S-13',
  title:
    'A window has the shape it was asked for, in KVM and in hardware too, and the windows of a PHB do not overlap.',
  sometimes: 'a PHB has two windows',
  reads: ['qemu-spapr', 'kvm'],
  initial: {},
  observe: (memory, step) => {
    const call = arrivingCall(step);
    const asked = call?.type === 'ibm,create-pe-dma-window' ? { ...memory, [call.thread]: call } : memory;
    const created = createdIn(asked, step);
    const { state } = step.moved;
    const qemus = qemusOf(state);
    const own = guestsQemu(state);
    const isSettled = own !== undefined && own.task === null;
    const misplaced =
      qemus.map(({ qemu }) => overlapIn(qemu) ?? movedRegionIn(qemu)).find((text) => text !== null) ??
      (isSettled ? otherShapeIn(state, own) : null);
    const reached = qemus.some(({ qemu }) => qemu.phbs.some((phb) => windowsOf(qemu, phb).length === 2));
    return {
      memory: asked,
      violation: misplaced ?? (created === undefined ? null : notAsAsked(...created)),
      reached,
    };
  },
};
