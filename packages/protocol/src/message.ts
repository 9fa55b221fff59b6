import type { Unit } from './units.js';

/** The five machines, and the environment: monitor, host administrator, devices, the memory limit. */
export type Component = 'guest-kernel' | 'qemu-spapr' | 'kvm' | 'vfio-host' | 'powernv-ioda2' | 'environment';

/** A thread of control: `vcpu0`, `main` (QEMU's main loop), `rcu`, `device0`, … */
export type ThreadId = Unit<string, 'thread'>;
export const threadId = (name: string): ThreadId => name as ThreadId;

/**
 * What every message has: the name its interface gives it, who sent it, and whom it is for. A machine
 * never holds a reference to another; the wiring delivers by `to`, in order between each pair.
 */
export interface Message<Type extends string, From extends Component, To extends Component> {
  readonly type: Type;
  readonly from: From;
  readonly to: To;
}

/** A message that one thread of control sends and waits on, so that its answer carries the same thread. */
export interface Call<Type extends string, From extends Component, To extends Component>
  extends Message<Type, From, To> {
  readonly thread: ThreadId;
}

/** Drives a machine that acts on its own: the named thread takes its next step. */
export interface Step<To extends Component = Component> extends Message<'step', 'environment', To> {
  readonly thread: ThreadId;
}

/** A machine's answer to a message it cannot take at all; it stops the run. */
export interface Unexpected<From extends Component = Component>
  extends Message<'unexpected', From, 'environment'> {
  readonly received: string;
  readonly state: string;
}

/** Stops the run: a mistake of ours, never an answer of an interface. */
export function unreachable(why: string): never {
  throw new Error(`unreachable: ${why}`);
}
