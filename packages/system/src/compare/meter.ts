import type { Cost, CostOperation, ErrorReport, QemuAborted, ThreadId } from '@spapr-dma/protocol';
import type { Moved } from '../choices.js';
import { costOf, type UnitCosts } from '../costs.js';
import type { AnyMessage } from '../participants.js';
import { isGuestsCall } from '../properties/property.js';

/** The call that is looked at: what begins it, who works on it, what ends it. */
export interface MeteredCall {
  readonly begins: (message: AnyMessage) => boolean;
  readonly thread: ThreadId;
  readonly ends: (message: AnyMessage) => boolean;
}

/** Adds up what a run shows of one call, step by step. */
export class Meter {
  steps = 0;
  faults = 0;
  nanoseconds = 0;
  /** Calls of the guest that reached QEMU since it asked for the window. */
  exits = 0;
  /** The answer; null while there is none. */
  answer: AnyMessage | null = null;
  /** The last that QEMU complained of, or what ended it; null where nothing did. */
  complaint: string | null = null;
  #isOpen = false;
  #isCounting = false;
  readonly #call: MeteredCall;
  readonly #units: UnitCosts;

  constructor(call: MeteredCall, units: UnitCosts) {
    this.#call = call;
    this.#units = units;
  }

  step(moved: Moved): void {
    for (const { message } of moved.sent) this.complaint = complaintOf(message) ?? this.complaint;
    const message = moved.delivered?.message;
    if (message === undefined) return;
    if (message.type === 'ibm,create-pe-dma-window') this.#isCounting = true;
    if (this.#isCounting && message.to === 'qemu-spapr' && isGuestsCall(message)) this.exits += 1;
    const begins = this.answer === null && !this.#isOpen && this.#call.begins(message);
    if (begins) this.#isOpen = true;
    if (!this.#isOpen) return;
    if (begins || message.thread === this.#call.thread) this.#count(moved);
    const answer = moved.sent.find((sent) => this.#call.ends(sent.message));
    if (answer === undefined) return;
    this.answer = answer.message;
    this.#isOpen = false;
  }

  #count(moved: Moved): void {
    this.nanoseconds += costOf(moved, this.#units);
    this.steps += countOf(moved, 'replay');
    this.faults += countOf(moved, 'view-fault');
  }
}

function complaintOf(message: AnyMessage): string | null {
  if (message.type === 'qemu-aborted') return (message as unknown as QemuAborted).assertion;
  return message.type === 'error-report' ? (message as unknown as ErrorReport).text : null;
}

/** How often a step did an operation. */
const countOf = ({ sent }: Moved, operation: CostOperation): number =>
  sent
    .filter(({ message }) => message.type === 'cost')
    .map(({ message }) => message as unknown as Cost)
    .reduce((sum, each) => sum + (each.operation === operation ? each.count : 0), 0);
