import { DEFAULT_WINDOW_PAGE_SHIFT, type Trace } from '@spapr-dma/protocol';
import type { Phb, QemuState } from '@spapr-dma/qemu-spapr';
import {
  arrivingCall,
  guestsQemu,
  hex,
  inGuestsQemu,
  lockHolder,
  type ObservedStep,
  type Property,
  rtasAnswer,
  windowsOf,
} from './property.js';

interface Memory {
  /** LIOBNs of windows that the guest has created, and that still exist. */
  readonly created: readonly number[];
  /** Windows that calls want to remove and that are not answered yet, by thread. */
  readonly removing: Readonly<Record<string, number>>;
}

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

/** Is a machine reset over with this step? */
function endsReset({ before, moved: { state, delivered } }: ObservedStep): boolean {
  const begins = delivered?.message.type === 'system_reset';
  const [holder] = lockHolder(guestsQemu(before));
  return (begins || holder === 'spapr_machine_reset') && lockHolder(guestsQemu(state)).length === 0;
}

/** The removes under way, with one that QEMU takes in this step. */
function asked(removing: Memory['removing'], step: ObservedStep): Memory['removing'] {
  const call = arrivingCall(step);
  return call?.type === 'ibm,remove-pe-dma-window'
    ? { ...removing, [call.thread]: (call.args[0] ?? 0) >>> 0 }
    : removing;
}

export const defaultWindow: Property<Memory> = {
  name: 'L-6',
  title:
    'After the last dynamic window of a PHB is removed its default window exists, and after a machine reset it alone.',
  sometimes: 'a machine is reset, or a dynamic window is removed',
  reads: ['qemu-spapr'],
  initial: { created: [], removing: {} },
  observe: (before, step) => {
    const qemu = guestsQemu(step.moved.state);
    if (qemu === undefined || !inGuestsQemu(step)) return { memory: before, violation: null, reached: false };
    const answer = rtasAnswer(step);
    const removing = asked(before.removing, step);
    const isReset = endsReset(step);
    const removed =
      answer?.call === 'ibm,remove-pe-dma-window' && answer.status === 'SUCCESS'
        ? removing[answer.thread]
        : undefined;
    const isDynamic = removed !== undefined && before.created.includes(removed);
    const made = madeIn(step);
    const left = before.created.filter((liobn) => liobn !== removed && !made.includes(liobn));
    const isCreate = answer?.call === 'ibm,create-pe-dma-window' && answer.status === 'SUCCESS';
    const created = isCreate ? [...left, answer.outputs[0] ?? 0] : left;
    const violation = isReset ? afterReset(step, qemu) : isDynamic ? afterRemove(removed, step, qemu) : null;
    return { memory: { created, removing }, violation, reached: isReset || isDynamic };
  },
};
