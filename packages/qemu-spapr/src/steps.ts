import {
  type KvmCall,
  type KvmReturn,
  type Step as StepMessage,
  unreachable,
  type VfioCall,
  type VfioReturn,
  type ViewAccess,
  type ViewReturn,
} from '@spapr-dma/protocol';
import type { Frame } from './frames.js';
import type { QemuSent } from './sent.js';
import type { QemuState } from './state.js';

/*
 * How to add a function that may wait while the big lock is held:
 *
 * 1. Declare its frame in `frames-….ts`: `fn` is QEMU's name, `at` lists `'begin'` and the places at which it goes
 *    on, the other fields are arguments and local variables, plain data. Add it to the file's union.
 * 2. Write a `StepFunction` for it, in the file named after it: a switch over `frame.at`. Each branch answers what
 *    changed and was said, and what comes next, by one of the builders below. A frame that makes a system call is
 *    left `at` a place; the answer comes back to it there. A frame that calls another one hears its value there.
 * 3. Name it in the table of functions (`qemu-functions.ts`, `vfio-functions.ts`).
 * 4. A place at which it waits belongs into a table of places (`places.ts`, `vfio-places.ts`) with what is awaited;
 *    the chart has a state of that name in each operation that lists it. Places of sub-calls need no entry.
 */

/** What a function returns: plain data; an error as QEMU would print it is a string. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Value[]
  | { readonly [field: string]: Value };

/** Why a frame goes on: it begins; an answer came, or its turn; or a function it called has returned. */
export type Resumption =
  | { readonly type: 'begin' }
  | KvmReturn
  | VfioReturn
  | ViewReturn
  | StepMessage<'qemu-spapr'>
  | { readonly type: 'returned'; readonly value: Value };

/** Calls without their envelope. */
type Bare<Call, Envelope extends string> = Call extends unknown ? Omit<Call, Envelope> : never;
export type KvmRequest = Bare<KvmCall, 'from' | 'to' | 'thread'>;
export type VfioRequest = Bare<VfioCall, 'from' | 'to' | 'thread' | 'process'>;
export type ViewRequest = Bare<ViewAccess, 'from' | 'to' | 'thread'>;

/** What a frame does next. */
export type Next =
  | { readonly do: 'kvm'; readonly frame: Frame; readonly request: KvmRequest }
  | { readonly do: 'vfio'; readonly frame: Frame; readonly request: VfioRequest }
  | { readonly do: 'view'; readonly frame: Frame; readonly request: ViewRequest }
  | { readonly do: 'wait'; readonly frame: Frame }
  | { readonly do: 'call'; readonly frame: Frame; readonly callee: Frame }
  | { readonly do: 'goto'; readonly frame: Frame }
  | { readonly do: 'return'; readonly value: Value }
  | { readonly do: 'abort'; readonly why: string }
  | { readonly do: 'exit' };

/** One step of one frame: what it changed, what it said, and what it does next. */
export interface Step {
  readonly qemu: QemuState;
  readonly sent: readonly QemuSent[];
  readonly next: Next;
}
export type StepFunction<F extends Frame> = (qemu: QemuState, frame: F, resumed: Resumption) => Step;

type Sent = readonly QemuSent[];

/** A system call on KVM's files; the frame goes on with a `kvm-return`. */
export const kvmCall = (qemu: QemuState, frame: Frame, request: KvmRequest, sent: Sent = []): Step => ({
  qemu,
  sent,
  next: { do: 'kvm', frame, request },
});
/** A system call on VFIO's files; the frame goes on with a `vfio-return`. */
export const vfioCall = (qemu: QemuState, frame: Frame, request: VfioRequest, sent: Sent = []): Step => ({
  qemu,
  sent,
  next: { do: 'vfio', frame, request },
});
/** An access to a guest view in KVM; the frame goes on with a `view-return`. */
export const viewAccess = (qemu: QemuState, frame: Frame, request: ViewRequest, sent: Sent = []): Step => ({
  qemu,
  sent,
  next: { do: 'view', frame, request },
});
/** Lets others come in between, though not those who want the big lock; goes on with a `step`. */
export const wait = (qemu: QemuState, frame: Frame, sent: Sent = []): Step => ({
  qemu,
  sent,
  next: { do: 'wait', frame },
});
/** Calls another function; the frame goes on with `returned`. */
export const call = (qemu: QemuState, frame: Frame, callee: Frame, sent: Sent = []): Step => ({
  qemu,
  sent,
  next: { do: 'call', frame, callee },
});
/** Goes on at another place at once. */
export const goto = (qemu: QemuState, frame: Frame, sent: Sent = []): Step => ({
  qemu,
  sent,
  next: { do: 'goto', frame },
});
/** Returns to the caller; the outermost frame's return ends the task. */
export const ret = (qemu: QemuState, value: Value = null, sent: Sent = []): Step => ({
  qemu,
  sent,
  next: { do: 'return', value },
});
/** QEMU ends by a failed assertion or a hardware error; `sent` was logged before. */
export const abort = (qemu: QemuState, why: string, sent: Sent = []): Step => ({
  qemu,
  sent,
  next: { do: 'abort', why },
});
/** QEMU ends by its own will. */
export const exit = (qemu: QemuState, sent: Sent = []): Step => ({ qemu, sent, next: { do: 'exit' } });
/** Calls a hook where somebody listens, else goes on at once as if it had returned null. */
export const callOrGo = (qemu: QemuState, frame: Frame, callee: Frame | null, sent: Sent = []): Step =>
  callee === null ? goto(qemu, frame, sent) : call(qemu, frame, callee, sent);

/** The answer to a system call on KVM's files. */
export const kvmResult = (resumed: Resumption): KvmReturn['result'] =>
  resumed.type === 'kvm-return'
    ? resumed.result
    : unreachable('a frame that waits for KVM got something else');
/** The answer to a system call on VFIO's files. */
export const vfioResult = (resumed: Resumption): VfioReturn['result'] =>
  resumed.type === 'vfio-return'
    ? resumed.result
    : unreachable('a frame that waits for VFIO got something else');
/** The answer to an access to a view. */
export const viewResult = (resumed: Resumption): ViewReturn =>
  resumed.type === 'view-return' ? resumed : unreachable('a frame that waits for a view got something else');
/** What a called function returned; null where a hook had nothing to do. */
export const returned = (resumed: Resumption): Value => (resumed.type === 'returned' ? resumed.value : null);
