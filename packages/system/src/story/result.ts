import type { TraceEvent } from '@spapr-dma/protocol';
import type { Size } from '../sizes.js';
import type { HostAtEnd } from './host-at-end.js';

/** One message as it was delivered, in words and as data. Traces and costs are not among these. */
export interface StoryMessage {
  /** From 1, in the order of delivery. */
  readonly n: number;
  /** The step that delivered it, from 1. */
  readonly step: number;
  /** When it was delivered, in nanoseconds of modelled cost since the start; see `costs.ts`. */
  readonly time: number;
  /** Participants by name: `guest-kernel`, `qemu-spapr`, `environment`, … */
  readonly from: string;
  readonly to: string;
  /** The thread of control that sent it or waits for it, such as `vcpu0`; null where no one waits. */
  readonly thread: string | null;
  /** The name its interface gives it, such as `H_PUT_TCE`. */
  readonly type: string;
  /** Its fields or its answer in one line, without the type. */
  readonly text: string;
}

/** One step of a run: one message delivered, or one thread moved, and what that caused. */
export interface StoryStep {
  /** From 1. */
  readonly n: number;
  readonly time: number;
  /** What was chosen, in one line. */
  readonly text: string;
  readonly delivered: StoryMessage | null;
  /** Lines that QEMU's log got in this step, with the machine that wrote them. */
  readonly trace: readonly LoggedLine[];
}

export interface LoggedLine {
  readonly participant: string;
  readonly line: TraceEvent;
}

/** What became of one property in a run. */
export interface PropertyResult {
  /** As spec 70 names it: `S-13`, `L-2`, … */
  readonly name: string;
  /** What always holds, as a sentence. */
  readonly title: string;
  readonly holds: boolean;
  /** Whether the story, with these settings, expects it to hold. */
  readonly expected: boolean;
  /** The step that violated it first, from 1; null where it holds. */
  readonly firstStep: number | null;
  /** What went wrong, as a sentence; empty where it holds. */
  readonly text: string;
  /** Whether the run reached what the property is about: a property that met nothing holds for free. */
  readonly reached: boolean;
}

/** A DMA window that exists when the story is over. */
export interface WindowAtEnd {
  readonly participant: string;
  readonly liobn: number;
  /** First bus address, bytes. */
  readonly start: bigint;
  readonly pageShift: number;
  readonly entries: number;
  /** Entries through which a device may reach memory. */
  readonly mapped: number;
}

export interface StoryResult {
  /** The story's id. */
  readonly name: string;
  readonly title: string;
  readonly preset: string;
  readonly size: Size;
  /** Every setting of the run by name, as text; see `listSwitches`. */
  readonly settings: Readonly<Record<string, string>>;
  readonly steps: number;
  readonly messages: readonly StoryMessage[];
  /** QEMU's log of the run, in order. */
  readonly log: readonly LoggedLine[];
  /** Modelled duration in nanoseconds of cost. */
  readonly time: number;
  readonly properties: readonly PropertyResult[];
  /** Whether the story makes sense with these settings; else nothing is said of its end. */
  readonly applies: boolean;
  readonly outcome: 'as-expected' | 'unexpected';
  /** Why the outcome is unexpected, one sentence each; empty otherwise. */
  readonly mistakes: readonly string[];
  readonly windows: readonly WindowAtEnd[];
  /** What the host is left with; null without one. */
  readonly host: HostAtEnd | null;
  /** What the guest and the monitor reported, one line each, in order. */
  readonly reports: readonly string[];
  /** The assertion that ended QEMU; null while it lives. */
  readonly aborted: string | null;
  /** Who takes part, in the order of the chart's lanes. */
  readonly participants: readonly string[];
}
