import type { ThreadId } from '@spapr-dma/protocol';
import type { Frame } from './frames.js';

/** What the holder of the big lock waits for: a system call on KVM's or VFIO's files, an access to a view in KVM, its turn. */
export type Awaits = 'kvm-return' | 'vfio-return' | 'view-return' | 'step';

/** Places at which a frame waits, with what it waits for there. The name is the waiting frame's `at`. */
export type Places = Readonly<Record<string, Awaits>>;

/** Where QEMU is while nobody holds the big lock: before its first reset, with running vCPUs, without. */
export type Resting = 'realized' | 'running' | 'paused';

/**
 * The holder of the big lock, in the middle of something: one thread, which waits. Everybody else who wants
 * the lock waits in its channel until the task is over.
 */
export interface Waiting {
  readonly mode: 'waiting';
  /** A vCPU, `main` or `rcu`; calls of this task carry it, and so do their answers. */
  readonly thread: ThreadId;
  /** The functions it is in, outermost first. */
  readonly frames: readonly Frame[];
  readonly awaits: Awaits;
  /** Where QEMU is meanwhile and afterwards, as far as its vCPUs go. */
  readonly resting: Resting;
}

/** A task that has come to its end; the chart forgets it within the same step. */
export interface Over {
  readonly mode: 'over';
  readonly goes: Resting | 'aborted' | 'exited';
}

export type Task = Waiting | Over;
