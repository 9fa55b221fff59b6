import type { Component, ThreadId } from '@spapr-dma/protocol';
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import { type Stepper, stepper } from './stepper.js';

/** A message as the wiring sees it: it reads the envelope and nothing else. */
export interface AnyMessage {
  readonly type: string;
  readonly from: Component;
  readonly to: Component;
  readonly thread?: ThreadId;
}

/** Whoever drives the system: monitor, administrator, devices; and a component that has no machine in it. */
export const ENVIRONMENT = 'environment';

/**
 * A machine under the name by which this system knows it. Two machines may serve one component, as two
 * QEMUs do in a migration; then the routes tell which of them others speak to.
 */
export interface Participant {
  readonly name: string;
  readonly component: Component;
  /** The machine it runs on, where a system has two: whoever runs there speaks to those beside it. */
  readonly host?: string;
  readonly machine: AnyStateMachine;
  readonly input: unknown;
  /** The context as plain data, equal exactly where two contexts are. */
  readonly canonical: (context: never) => unknown;
  /** Threads that can move without a message, if the machine's state lets them. */
  readonly threads: (context: never) => readonly ThreadId[];
}

/** A participant as a pure function. One machine object is asked by one stepper, however many runs there are. */
export type AnyStepper = Stepper<AnyStateMachine, AnyMessage>;

const steppers = new WeakMap<AnyStateMachine, AnyStepper>();

export function stepperOf({ machine }: Participant): AnyStepper {
  const known = steppers.get(machine);
  if (known !== undefined) return known;
  const made: AnyStepper = stepper<AnyStateMachine, AnyMessage>(machine);
  steppers.set(machine, made);
  return made;
}

/** Where a machine stands: the chart's states as text. */
export const stateValueOf = (snapshot: AnyMachineSnapshot): string =>
  typeof snapshot.value === 'string' ? snapshot.value : JSON.stringify(snapshot.value);
