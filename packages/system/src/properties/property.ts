import type { Hcall, HcallReturn, RtasCall, RtasReturn } from '@spapr-dma/protocol';
import type { EnabledTable, Phb, QemuState } from '@spapr-dma/qemu-spapr';
import type { Moved, SystemState } from '../choices.js';

/** One step as a property sees it. */
export interface ObservedStep {
  readonly before: SystemState;
  readonly moved: Moved;
  /** Nanoseconds of modelled cost. */
  readonly cost: number;
}

/** What a property makes of a step. */
export interface Verdict<Memory> {
  readonly memory: Memory;
  /** What went wrong, as a sentence; null where nothing did. */
  readonly violation: string | null;
  /** Whether this step is one that the property is about. */
  readonly reached: boolean;
}

/**
 * Something that always holds, judged step by step. A property is a pure function of what it remembers and of
 * the step, so it can be asked along any path; what it remembers is plain data.
 */
export interface Property<Memory> {
  /** As spec 70 names it. */
  readonly name: string;
  /** What always holds, as a sentence. */
  readonly title: string;
  /** What a run must have met for the property to say anything. */
  readonly sometimes: string;
  readonly initial: Memory;
  readonly observe: (memory: Memory, step: ObservedStep) => Verdict<Memory>;
  /** Judges what is left when nobody can move any more. */
  readonly atRest?: (memory: Memory, state: SystemState) => string | null;
}

/** A property whose memory is its own business. */
// biome-ignore lint/suspicious/noExplicitAny: the one place where the memory's type is forgotten
export type AnyProperty = Property<any>;

/** Makes a property of a state: judged anew after each step, with nothing to remember. */
export function always(
  name: string,
  title: string,
  sometimes: string,
  judge: (state: SystemState) => { readonly violation: string | null; readonly reached: boolean },
): Property<null> {
  return {
    name,
    title,
    sometimes,
    initial: null,
    observe: (memory, { moved }) => ({ memory, ...judge(moved.state) }),
  };
}

/** Every QEMU there is, by participant. A migration has two. */
export function qemusOf(state: SystemState): readonly { readonly name: string; readonly qemu: QemuState }[] {
  return Object.entries(state.snapshots)
    .filter(([, { machine }]) => machine.id === 'qemu-spapr')
    .map(([name, { context }]) => ({ name, qemu: context as QemuState }));
}

/** The QEMU that the guest runs on; undefined where a system has none. */
export function guestsQemu(state: SystemState): QemuState | undefined {
  const name = state.routes['qemu-spapr'];
  return name === undefined ? undefined : (state.snapshots[name]?.context as QemuState | undefined);
}

export const isAborted = (state: SystemState): boolean => {
  const name = state.routes['qemu-spapr'];
  return name !== undefined && state.snapshots[name]?.value === 'aborted';
};

/** Does this step happen in the QEMU that the guest runs on? */
export const inGuestsQemu = ({ before, moved }: ObservedStep): boolean =>
  moved.delivered !== null && moved.delivered.to === before.routes['qemu-spapr'];

/** A call that the guest made and that arrives in this step; undefined for any other step. */
export function arrivingCall(step: ObservedStep): Hcall | RtasCall | undefined {
  const message = step.moved.delivered?.message;
  if (message?.from !== 'guest-kernel' || !inGuestsQemu(step)) return undefined;
  return message as unknown as Hcall | RtasCall;
}

/** The answer to a hypercall in the step that it arrives in. */
export const hcallAnswer = ({ moved }: ObservedStep): HcallReturn | undefined =>
  moved.sent.find(({ message }) => message.type === 'hcall-return')?.message as HcallReturn | undefined;

/** The answer to an RTAS call; a long one answers in a later step. */
export const rtasAnswer = ({ moved }: ObservedStep): RtasReturn | undefined =>
  moved.sent.find(({ message }) => message.type === 'rtas-return')?.message as RtasReturn | undefined;

export const enabledTable = (qemu: QemuState | undefined, liobn: bigint): EnabledTable | undefined => {
  const table = qemu?.tables.find((candidate) => BigInt(candidate.liobn) === liobn);
  return table?.mode === 'enabled' ? table : undefined;
};

/** The windows of a PHB, slot 0 first. */
export const windowsOf = (qemu: QemuState, phb: Phb): readonly EnabledTable[] =>
  qemu.tables.filter(
    (table): table is EnabledTable =>
      table.mode === 'enabled' && table.owner.kind === 'phb' && table.owner.index === phb.properties.index,
  );

/** First bus address after a window; not cut to 64 bits. */
export const windowEnd = ({ busOffset, nbTable, pageShift }: EnabledTable): bigint =>
  busOffset + (BigInt(nbTable) << BigInt(pageShift & 63));

/** Entries [first, first + count) of a window, by bus address; negative or too large outside of it. */
export interface EntryRange {
  readonly first: bigint;
  readonly count: bigint;
}

/** The entries that a call on `pages` pages from `ioba` is about, computed without QEMU's help. */
export const rangeOf = (table: EnabledTable, ioba: bigint, pages: bigint): EntryRange => ({
  first: (ioba - table.busOffset) >> BigInt(table.pageShift & 63),
  count: pages,
});

export const isInside = ({ first, count }: EntryRange, table: EnabledTable): boolean =>
  first >= 0n && first + count <= BigInt(table.nbTable);

export const hex = (value: bigint | number): string => `0x${value.toString(16)}`;
