import type { ProcessId } from '@spapr-dma/protocol';
import {
  type AnyMessage,
  type Choice,
  choicesOf,
  initialState,
  type Moved,
  type Participant,
  type SystemState,
  step,
} from '@spapr-dma/system';
import type { RecordedHost } from './environment.js';
import type { RecordedPlatform } from './platform.js';

/** Steps that one call may take before the machines are taken to go in circles. */
const STEPS_MAX = 1_000_000;

/** A host kernel that calls can be made to, and its effects on a process asked for. */
export interface HostKernel {
  /**
   * Delivers a message and lets the machines go on until none of them can.
   * @returns what they sent to anybody outside, in order
   * @throws Error where a machine does not know the message, or does not take it now
   */
  send(message: AnyMessage): readonly AnyMessage[];
  /** VmLck of a process. */
  lockedKb(process: ProcessId): number;
}

/** Starts a host as a recording describes it. */
export type Boot = (platform: RecordedPlatform, host: RecordedHost) => HostKernel;

/** How VmLck is read from the state of the machines. */
export type LockedKbOf = (state: SystemState, process: ProcessId) => number;

/** The machines of a host behind one wiring; what they call QEMU, guest and environment is whoever sends. */
export class MachinesHost implements HostKernel {
  readonly #participants: readonly Participant[];
  readonly #lockedKbOf: LockedKbOf;
  #state: SystemState;

  constructor(participants: readonly Participant[], lockedKbOf: LockedKbOf) {
    this.#participants = participants;
    this.#lockedKbOf = lockedKbOf;
    this.#state = initialState(participants);
  }

  send(message: AnyMessage): readonly AnyMessage[] {
    const to = this.#state.routes[message.to] ?? '';
    const offer: Choice = { kind: 'offer', to, message };
    if (!choicesOf(this.#participants, this.#state, [{ to, message }]).some(isOffer)) {
      throw new Error(`${to} does not take ${message.type} now`);
    }
    const seen: AnyMessage[] = [];
    let next: Choice | undefined = offer;
    for (let steps = 0; next !== undefined; steps++) {
      if (steps > STEPS_MAX) throw new Error(`${message.type} does not end`);
      const moved: Moved = step(this.#participants, this.#state, next);
      this.#state = moved.state;
      for (const sent of moved.sent)
        if (this.#state.routes[sent.message.to] === undefined) seen.push(sent.message);
      next = choicesOf(this.#participants, this.#state)[0];
    }
    return seen;
  }

  lockedKb(process: ProcessId): number {
    return this.#lockedKbOf(this.#state, process);
  }
}

const isOffer = ({ kind }: Choice): boolean => kind === 'offer';
