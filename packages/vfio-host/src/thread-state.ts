import type { ProcessId, ThreadId, VfioCall } from '@spapr-dma/protocol';
import type { Frame } from './frames.js';

/** A mutex: a group's, a container's list of groups, or the TCE driver's of a container. */
export type LockName = `group:${number}` | `container:${number}` | `tce:${number}`;

/** What a thread waits for: an answer of the platform, or mutexes. */
export type Awaits = 'group' | 'access' | 'mutex';

/** Whom a thread answers when it is done. */
export interface Caller {
  readonly call: VfioCall['type'] | 'exit' | 'unbind-vfio-pci';
  readonly from: 'qemu-spapr' | 'environment';
  /** Null for what the host does itself. */
  readonly process: ProcessId | null;
}

/** A thread that can be inside a system call. */
export interface ThreadState {
  readonly thread: ThreadId;
  /** Its place: `idle`, or where it waits inside an operation. */
  readonly at: string;
  /** What it is doing: the functions that were called, the innermost last. */
  readonly stack: readonly Frame[];
  readonly caller: Caller | null;
  readonly locks: readonly LockName[];
  /** Those that it waits for. */
  readonly wants: readonly LockName[];
}

export const idleThread = (thread: ThreadId): ThreadState => ({
  thread,
  at: 'idle',
  stack: [],
  caller: null,
  locks: [],
  wants: [],
});
