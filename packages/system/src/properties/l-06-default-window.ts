import { DEFAULT_WINDOW_PAGE_SHIFT, type Trace } from '@spapr-dma/protocol';
import type { Phb, QemuState } from '@spapr-dma/qemu-spapr';
import {
  arrivingCall,
  guestsQemu,
  hex,
  inGuestsQemu,
  type ObservedStep,
  type Property,
  rtasAnswer,
  windowsOf,
} from './property.js';

/** LIOBNs of windows that the guest has created, and that still exist. */
type Created = readonly number[];

/** Exactly the window that a PHB has from its properties. */
function hasOnlyDefault(qemu: QemuState, phb: Phb): boolean {
  const { dmaWinAddr, dmaWinSize } = phb.properties;
  const [window, second] = windowsOf(qemu, phb);
  return (
    second === undefined &&
    window?.busOffset === (dmaWinAddr as bigint) &&
    window.pageShift === DEFAULT_WINDOW_PAGE_SHIFT &&
    BigInt(window.nbTable) << BigInt(window.pageShift) === (dmaWinSize as bigint)
  );
}

const madeIn = ({ moved }: ObservedStep): readonly number[] =>
  moved.sent.flatMap(({ message }) => {
    if (message.type !== 'trace') return [];
    const { line } = message as unknown as Trace;
    return line.event === 'spapr_iommu_new_table' ? [Number(line.liobn)] : [];
  });

function afterReset(step: ObservedStep, qemu: QemuState): string | null {
  const phb = qemu.phbs.find((candidate) => !hasOnlyDefault(qemu, candidate));
  if (phb === undefined || step.moved.sent.some(({ message }) => message.type === 'qemu-aborted'))
    return null;
  return `After a machine reset, PHB ${phb.properties.index} has other windows than its default one.`;
}

function afterRemove(liobn: number, step: ObservedStep, qemu: QemuState): string | null {
  const owner = guestsQemu(step.before)?.tables.find((table) => table.liobn === liobn)?.owner;
  const phb = qemu.phbs.find(({ properties }) => owner?.kind === 'phb' && properties.index === owner.index);
  if (phb === undefined || windowsOf(qemu, phb).length > 0) return null;
  return `LIOBN ${hex(liobn)} was the last window of PHB ${phb.properties.index} and is removed, and the default window does not come back: the PHB has no window left.`;
}

export const defaultWindow: Property<Created> = {
  name: 'L-6',
  title:
    'After the last dynamic window of a PHB is removed its default window exists, and after a machine reset it alone.',
  sometimes: 'a machine is reset, or a dynamic window is removed',
  initial: [],
  observe: (before, step) => {
    const qemu = guestsQemu(step.moved.state);
    if (qemu === undefined || !inGuestsQemu(step)) return { memory: before, violation: null, reached: false };
    const answer = rtasAnswer(step);
    const call = arrivingCall(step);
    const isReset = step.moved.delivered?.message.type === 'system_reset';
    const removed =
      call?.type === 'ibm,remove-pe-dma-window' && answer?.status === 'SUCCESS'
        ? (call.args[0] ?? 0) >>> 0
        : undefined;
    const isDynamic = removed !== undefined && before.includes(removed);
    const made = madeIn(step);
    const created =
      answer?.call === 'ibm,create-pe-dma-window' && answer.status === 'SUCCESS'
        ? [answer.outputs[0] ?? 0]
        : [];
    const memory = [...before.filter((liobn) => liobn !== removed && !made.includes(liobn)), ...created];
    const violation = isReset ? afterReset(step, qemu) : isDynamic ? afterRemove(removed, step, qemu) : null;
    return { memory, violation, reached: isReset || isDynamic };
  },
};
