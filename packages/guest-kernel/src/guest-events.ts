import {
  type GuestCommand,
  type HcallReturn,
  type HotplugEvent,
  type Kexec,
  type MachineReset,
  type PowerOn,
  type RtasReturn,
  type Step as StepMessage,
  unreachable,
} from '@spapr-dma/protocol';
import { bootFrame, freshKernel } from './boot.js';
import { startedBy } from './commands.js';
import { isLockFree } from './device-lock.js';
import { newNode } from './dlpar.js';
import { type GuestKernel, guestOff, type HotplugNote, type Vcpu, withLock } from './guest-state.js';
import { type Outcome, run, vcpuThread } from './kernel-stack.js';
import { OPERATION_BY_COMMAND } from './places.js';

/** What the guest receives. */
export type GuestEvent =
  | PowerOn
  | MachineReset
  | GuestCommand
  | HcallReturn
  | RtasReturn
  | HotplugEvent
  | StepMessage<'guest-kernel'>;

/** The vCPU that a message names, by number; −1 where it names none of the guest's, or none at all. */
export const cpuOf = (kernel: GuestKernel, event: GuestEvent): number =>
  'thread' in event ? kernel.vcpus.findIndex((_, cpu) => vcpuThread(cpu) === event.thread) : -1;

/** Whether a message names a vCPU that the guest does not have. */
export const isNobodys = (kernel: GuestKernel, event: GuestEvent): boolean =>
  'thread' in event && cpuOf(kernel, event) === -1;

/** Messages that some state takes at some time, and that wait until then. */
const KNOWN: ReadonlySet<string> = new Set<GuestEvent['type']>([
  ...(Object.keys(OPERATION_BY_COMMAND) as (keyof typeof OPERATION_BY_COMMAND)[]),
  'power-on',
  'machine-reset',
  'kexec',
  'hcall-return',
  'rtas-return',
  'hotplug-event',
  'step',
]);
export const isKnown = (event: { readonly type: string }): boolean => KNOWN.has(event.type);

/** Replaces every vCPU; one that is inside a call takes the answer first, and drops it. */
const stopped = (vcpus: readonly Vcpu[], at: 'off' | 'idle'): readonly Vcpu[] =>
  vcpus.map((vcpu) => {
    const inside = /\.(hcall|rtas)$/.exec(vcpu.at);
    return { stack: [], at: inside ? `stopping.${inside[1]}` : at, wants: null };
  });

/** Firmware starts on the vCPU named. */
function poweredOn(kernel: GuestKernel, message: PowerOn): Outcome {
  const { platform, bootArgs } = message;
  const on: GuestKernel = {
    ...guestOff(kernel.config, kernel.vcpus.length),
    mode: 'firmware',
    bootArgs,
    memory: {
      ...platform.memory,
      ranges: [...platform.memory.ranges].sort((a, b) => (a.gpa < b.gpa ? -1 : 1)),
    },
    multiTce: platform.multiTce,
    nodes: platform.phbs.map(newNode),
    vio: platform.vio,
    vcpus: kernel.vcpus.map(() => ({ stack: [], at: 'idle', wants: null })),
  };
  const slof = { fn: 'slof', at: 'begin', puts: message.firmware, done: 0 } as const;
  return run(on, cpuOf(kernel, message), [slof], { type: 'begin' });
}

/** Everything is forgotten; a vCPU inside a call still gets its answer. */
function machineReset(kernel: GuestKernel): Outcome {
  const off = guestOff(kernel.config, kernel.vcpus.length);
  return { kernel: { ...off, vcpus: stopped(kernel.vcpus, 'off') }, messages: [] };
}

/**
 * Whether another kernel can start now. An orderly kexec waits for the other vCPUs to come to rest; a crash
 * waits for nobody.
 */
export function mayKexec(kernel: GuestKernel, message: GuestEvent): boolean {
  if (message.type !== 'kexec') return false;
  const cpu = cpuOf(kernel, message);
  const atRest = (vcpu: Vcpu | undefined) => vcpu?.at === 'idle';
  return (
    kernel.mode === 'running' && atRest(kernel.vcpus[cpu]) && (message.kdump || kernel.vcpus.every(atRest))
  );
}

/** The next kernel starts on the same machine, with the windows and the device tree as they are. */
function kexeced(kernel: GuestKernel, message: Kexec): Outcome {
  const next: GuestKernel = {
    ...freshKernel(kernel),
    kernel: message.kdump ? 'kdump' : 'kexec',
    bootArgs: message.bootArgs,
    hotplug: [],
    vcpus: stopped(kernel.vcpus, 'idle'),
  };
  return run(next, cpuOf(kernel, message), [bootFrame()], { type: 'begin' });
}

/** An idle vCPU takes a command. */
function commanded(kernel: GuestKernel, command: Exclude<GuestCommand, Kexec>): Outcome {
  const cpu = cpuOf(kernel, command);
  const started = startedBy(kernel, command);
  if ('frame' in started) return run(kernel, cpu, [started.frame], { type: 'begin' });
  const { reports } = started;
  return {
    kernel: started.kernel,
    messages: reports.map((body) => ({
      ...body,
      from: 'guest-kernel',
      to: 'environment',
      thread: vcpuThread(cpu),
    })),
  };
}

/** A vCPU takes the answer it waits for. */
function answered(kernel: GuestKernel, answer: HcallReturn | RtasReturn): Outcome {
  const cpu = cpuOf(kernel, answer);
  return run(kernel, cpu, kernel.vcpus[cpu]!.stack, answer);
}

/** A vCPU that was stopped inside a call drops the answer. */
function dropped(kernel: GuestKernel, answer: HcallReturn | RtasReturn): Outcome {
  const at = kernel.mode === 'off' ? 'off' : 'idle';
  const cpu = cpuOf(kernel, answer);
  const vcpus = kernel.vcpus.map((vcpu, i) => (i === cpu ? { ...vcpu, at } : vcpu));
  return { kernel: { ...kernel, vcpus }, messages: [] };
}

/** Whether the lock that a vCPU waits for is free. */
export function mayTakeLock(kernel: GuestKernel, cpu: number): boolean {
  const { wants, stack } = kernel.vcpus[cpu]!;
  return wants !== null && isLockFree(kernel, wants, cpu, stack.at(-1)!);
}

/** A vCPU takes the lock that it waited for, and goes on. */
function tookLock(kernel: GuestKernel, cpu: number): Outcome {
  const { wants, stack } = kernel.vcpus[cpu]!;
  if (wants === null) return unreachable('a vCPU that waits for no lock takes one');
  return run(withLock(kernel, wants, cpu), cpu, stack, { type: 'begin' });
}

/** A hotplug event is noted; nothing happens until somebody acts on it. */
function noted(kernel: GuestKernel, event: HotplugEvent): Outcome {
  const { action, resource, drcIndex, memory } = event;
  const note: HotplugNote = { action, resource, drcIndex, memory };
  return { kernel: { ...kernel, hotplug: [...kernel.hotplug, note] }, messages: [] };
}

/** What an event leads to; the chart has found out that it can be taken. */
export function outcomeOf(kernel: GuestKernel, event: GuestEvent): Outcome {
  switch (event.type) {
    case 'power-on':
      return poweredOn(kernel, event);
    case 'machine-reset':
      return machineReset(kernel);
    case 'kexec':
      return kexeced(kernel, event);
    case 'hotplug-event':
      return noted(kernel, event);
    case 'step':
      return tookLock(kernel, cpuOf(kernel, event));
    case 'hcall-return':
    case 'rtas-return': {
      const isStopping = kernel.vcpus[cpuOf(kernel, event)]!.at.startsWith('stopping');
      return isStopping ? dropped(kernel, event) : answered(kernel, event);
    }
    default:
      return commanded(kernel, event);
  }
}
