import type { Component, Hcall, HcallReturn, RtasCall, RtasReturn } from '@spapr-dma/protocol';
import type { EnabledTable, Phb, QemuState } from '@spapr-dma/qemu-spapr';
import type { Moved, SystemState } from '../choices.js';
import type { AnyMessage } from '../participants.js';

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

/** What a property makes of a state. */
export interface StateVerdict {
  readonly violation: string | null;
  readonly reached: boolean;
}

/** What a property says of a state by itself, whatever led to it. */
export interface StateRule {
  /** Components whose machines it looks at. */
  readonly reads: readonly Component[];
  /** Which states it says something of: all, those without a call in progress, or without anything that waits for RCU too. */
  readonly when: 'always' | 'quiet' | 'drained';
  readonly judge: (state: SystemState) => StateVerdict;
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
  /** Components whose machines it looks at; whoever asks less often need not look at others. */
  readonly reads: readonly Component[];
  /** It looks at what is in flight too, to see whether a call is in progress. */
  readonly asksForQuiet?: true;
  /** It looks at what a step costs. */
  readonly asksForCost?: true;
  /** Where it is a matter of states alone: of a step it says what these say of the state after it. */
  readonly rules?: readonly StateRule[];
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
  reads: readonly Component[],
  judge: StateRule['judge'],
): Property<null> {
  return {
    name,
    title,
    sometimes,
    reads,
    rules: [{ reads, when: 'always', judge }],
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

/** Is this a call of the guest, as it makes it or as KVM hands it on? */
export const isGuestsCall = ({ type, from, to }: AnyMessage): boolean =>
  (from === 'guest-kernel' || (from === 'kvm' && to === 'qemu-spapr')) &&
  (to === 'kvm' || to === 'qemu-spapr') &&
  type !== 'unexpected' &&
  !type.endsWith('-return');

/** A call of the guest that QEMU takes in this step; undefined for any other step. */
export function arrivingCall(step: ObservedStep): Hcall | RtasCall | undefined {
  const message = step.moved.delivered?.message;
  if (message === undefined || !isGuestsCall(message) || !inGuestsQemu(step)) return undefined;
  return message as unknown as Hcall | RtasCall;
}

/** A call that leaves the guest and that its hypervisor takes in this step. */
export function begunCall({ before, moved }: ObservedStep): Hcall | RtasCall | undefined {
  const { delivered } = moved;
  const hypervisor = before.routes.kvm ?? before.routes['qemu-spapr'];
  if (delivered?.message.from !== 'guest-kernel' || delivered.to !== hypervisor) return undefined;
  return delivered.message as unknown as Hcall | RtasCall;
}

const answerOfQemu = ({ moved }: ObservedStep, type: string): AnyMessage | undefined =>
  moved.sent.find(({ message }) => message.type === type && message.from === 'qemu-spapr')?.message;

/** QEMU's answer to a hypercall; one that waits for the host answers in a later step than it arrives in. */
export const hcallAnswer = (step: ObservedStep): HcallReturn | undefined =>
  answerOfQemu(step, 'hcall-return') as HcallReturn | undefined;

/** QEMU's answer to an RTAS call; a long one answers in a later step. */
export const rtasAnswer = (step: ObservedStep): RtasReturn | undefined =>
  answerOfQemu(step, 'rtas-return') as RtasReturn | undefined;

/** The functions that the holder of QEMU's big lock is in, outermost first; none where the lock is free. */
export const lockHolder = (qemu: QemuState | undefined): readonly string[] =>
  qemu?.task?.mode === 'waiting' ? qemu.task.frames.map(({ fn }) => fn) : [];

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
export const rangeOf = (
  table: Pick<EnabledTable, 'busOffset' | 'pageShift'>,
  ioba: bigint,
  pages: bigint,
): EntryRange => ({
  first: (ioba - table.busOffset) >> BigInt(table.pageShift & 63),
  count: pages,
});

export const isInside = ({ first, count }: EntryRange, table: Pick<EnabledTable, 'nbTable'>): boolean =>
  first >= 0n && first + count <= BigInt(table.nbTable);

export const hex = (value: bigint | number): string => `0x${value.toString(16)}`;
