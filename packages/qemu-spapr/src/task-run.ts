import { type ThreadId, threadId, unreachable } from '@spapr-dma/protocol';
import type { Frame } from './frames.js';
import { QEMU_FUNCTIONS } from './qemu-functions.js';
import { cost, type Outcome, type QemuSent } from './sent.js';
import type { QemuState } from './state.js';
import type { KvmRequest, Next, Resumption, Step, StepFunction, VfioRequest, ViewRequest } from './steps.js';
import type { Awaits, Over, Resting, Waiting } from './task.js';
import { VFIO_FUNCTIONS } from './vfio-functions.js';

/** The thread that serves the monitor. */
export const MAIN_THREAD = threadId('main');
/** The thread that runs RCU callbacks. */
export const RCU_THREAD = threadId('rcu');

/** QEMU's functions by name. */
const FUNCTIONS = { ...QEMU_FUNCTIONS, ...VFIO_FUNCTIONS };

function stepOf(qemu: QemuState, frame: Frame, resumed: Resumption): Step {
  const step = FUNCTIONS[frame.fn] as StepFunction<Frame>;
  return step(qemu, frame, resumed);
}

const toKvm = (thread: ThreadId, request: KvmRequest | ViewRequest): QemuSent =>
  ({ ...request, from: 'qemu-spapr', to: 'kvm', thread }) as QemuSent;

/** QEMU is one process of the host, under this name. */
export const QEMU_PROCESS = 'qemu';

const toVfio = (thread: ThreadId, request: VfioRequest): QemuSent =>
  ({ ...request, from: 'qemu-spapr', to: 'vfio-host', thread, process: QEMU_PROCESS }) as QemuSent;

const isInKernel = (frame: Frame): boolean => 'inKernel' in frame && frame.inKernel === true;

/** What a wait sends, and what it waits for; undefined for what needs no wait. */
function waitOf(next: Next, thread: ThreadId): { awaits: Awaits; sent: readonly QemuSent[] } | undefined {
  switch (next.do) {
    case 'kvm':
      return { awaits: 'kvm-return', sent: [cost('ioctl', 1), toKvm(thread, next.request)] };
    case 'vfio':
      return {
        awaits: 'vfio-return',
        sent: [...(isInKernel(next.frame) ? [] : [cost('ioctl', 1)]), toVfio(thread, next.request)],
      };
    case 'view':
      return { awaits: 'view-return', sent: [toKvm(thread, next.request)] };
    case 'wait':
      return { awaits: 'step', sent: [] };
    default:
      return undefined;
  }
}

/** What a task did so far, and where that leads: to the end of it, or to a wait. */
export interface TaskOutcome extends Outcome {
  readonly goes: Over['goes'] | 'busy';
}

/**
 * Runs the innermost function of whoever holds the big lock, and whatever it calls and returns to, until it
 * waits or the task is over.
 */
export function run(
  start: QemuState,
  holder: { readonly thread: ThreadId; readonly resting: Resting },
  frames: readonly Frame[],
  resume: Resumption,
): TaskOutcome {
  const { thread, resting } = holder;
  const sent: QemuSent[] = [];
  let qemu = start;
  let stack = frames;
  let resumed = resume;
  const over = (goes: Over['goes']): TaskOutcome => ({ qemu, sent, goes });
  for (;;) {
    const frame = stack.at(-1);
    if (frame === undefined) return over(resting);
    const step = stepOf(qemu, frame, resumed);
    qemu = step.qemu;
    sent.push(...step.sent);
    const { next } = step;
    const outer = stack.slice(0, -1);
    switch (next.do) {
      case 'call':
        stack = [...outer, next.frame, next.callee];
        resumed = BEGIN;
        break;
      case 'goto':
        stack = [...outer, next.frame];
        resumed = BEGIN;
        break;
      case 'return':
        stack = outer;
        resumed = { type: 'returned', value: next.value };
        break;
      case 'abort':
        sent.push({ type: 'qemu-aborted', from: 'qemu-spapr', to: 'environment', assertion: next.why });
        return over('aborted');
      case 'exit':
        return over('exited');
      default: {
        const waiting = waitOf(next, thread) ?? unreachable(`a frame does ${next.do}`);
        sent.push(...waiting.sent);
        const task: Waiting = {
          mode: 'waiting',
          thread,
          frames: [...outer, next.frame],
          awaits: waiting.awaits,
          resting,
        };
        return { qemu: { ...qemu, task }, sent, goes: 'busy' };
      }
    }
  }
}

const BEGIN: Resumption = { type: 'begin' };

/** A thread takes the big lock and begins. */
export const begin = (qemu: QemuState, thread: ThreadId, resting: Resting, frame: Frame): TaskOutcome =>
  run(qemu, { thread, resting }, [frame], BEGIN);

/** Is this what the holder of the big lock waits for? */
export const isAwaited = (
  { task }: QemuState,
  { type, thread }: { readonly type: string; readonly thread?: ThreadId },
): boolean => task?.mode === 'waiting' && task.awaits === type && task.thread === thread;

/** The holder of the big lock goes on; where that ends the task, the state says so until the chart has heard it. */
export function goOn(qemu: QemuState, resumed: Resumption): Outcome {
  const { task } = qemu;
  if (task?.mode !== 'waiting') return unreachable('nobody holds the big lock');
  const outcome = run(qemu, task, task.frames, resumed);
  if (outcome.goes === 'busy') return outcome;
  return { qemu: { ...outcome.qemu, task: { mode: 'over', goes: outcome.goes } }, sent: outcome.sent };
}
