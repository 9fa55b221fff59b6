import { type Unexpected, unreachable } from '@spapr-dma/protocol';
import { setup } from 'xstate';
import { GUEST_CONFIG_DEFAULT, type GuestConfig } from './guest-config.js';
import {
  cpuOf,
  type GuestEvent,
  isKnown,
  isNobodys,
  mayKexec,
  mayTakeLock,
  outcomeOf,
} from './guest-events.js';
import { type Awaits, type GuestKernel, guestOff } from './guest-state.js';
import { type GuestMessage, vcpuThread } from './kernel-stack.js';
import { OPERATION_BY_COMMAND, OPERATIONS, type Operation, type Place } from './places.js';

/** What the guest sends: calls, reports, and that it was sent something that it can never take. */
export type GuestSent = GuestMessage | Unexpected<'guest-kernel'>;

/** A vCPU by number; the guards and actions of its region are given it. */
type OfVcpu = { readonly cpu: number };
type AtPlace = { readonly cpu: number; readonly at: string };

const guest = setup({
  types: {} as {
    context: GuestKernel;
    input: Partial<GuestConfig> | undefined;
    events: GuestEvent;
    emitted: GuestSent;
  },
  guards: {
    mine: ({ context, event }, { cpu }: OfVcpu) => cpuOf(context, event) === cpu,
    mineAndUp: ({ context, event }, { cpu }: OfVcpu) =>
      context.mode === 'running' && cpuOf(context, event) === cpu,
    lockFree: ({ context, event }, { cpu }: OfVcpu) =>
      cpuOf(context, event) === cpu && mayTakeLock(context, cpu),
    startsFirmware: ({ context, event }, { cpu }: OfVcpu) =>
      cpuOf(context, event) === cpu && context.vcpus.every(({ at }) => at === 'off'),
    firmwareStarts: ({ context, event }) =>
      !isNobodys(context, event) && context.vcpus.every(({ at }) => at === 'off'),
    startsKernel: ({ context, event }, { cpu }: OfVcpu) =>
      cpuOf(context, event) === cpu && mayKexec(context, event),
    kernelStarts: ({ context, event }) => mayKexec(context, event),
    isAt: ({ context }, { cpu, at }: AtPlace) => context.vcpus[cpu]!.at === at,
    isLost: ({ context }, { cpu, at }: AtPlace) =>
      context.vcpus[cpu]!.at !== at && unreachable(`${vcpuThread(cpu)}: ${at} → ${context.vcpus[cpu]!.at}`),
    neverTaken: ({ context, event }) => !isKnown(event) || isNobodys(context, event),
  },
});

/** The kernel goes on by one message, and sends what that leads to. */
const goOn = guest.enqueueActions(({ context, event, enqueue }) => {
  const { kernel, messages } = outcomeOf(context, event);
  enqueue.assign(kernel);
  for (const message of messages) enqueue.emit(message);
});

/** Stops the run: nobody in the guest can ever take this message. */
const refuse = guest.emit(
  ({ context, event }): GuestSent => ({
    type: 'unexpected',
    from: 'guest-kernel',
    to: 'environment',
    received: (event as { readonly type: string }).type,
    state: context.mode,
  }),
);

/** Where a vCPU can go on to from a place: the leaves of the places named, `op.place` for another operation. */
function edgesOf(operation: Operation, place: string): readonly string[] {
  const { awaits, next } = placesOf(operation)[place]!;
  const own = awaits.map((wait) => `${operation}.${place}.${wait}`);
  return [...own, ...next.flatMap((name) => leavesOf(operation, name))];
}
function leavesOf(operation: Operation, name: string): readonly string[] {
  if (name === 'idle') return ['idle'];
  const [first, second] = name.split('.') as [string, string?];
  const target = second === undefined ? operation : (first as Operation);
  const { awaits } = placesOf(target)[second ?? first]!;
  return awaits.map((wait) => `${target}.${second ?? first}.${wait}`);
}
const placesOf = (operation: Operation): Readonly<Record<string, Place>> => OPERATIONS[operation];

const goesTo = (cpu: number, at: string) =>
  ({ guard: { type: 'isAt', params: { cpu, at } }, target: `#vcpu${cpu}.${at}` }) as const;
/** A vCPU that is nowhere its place leads to is a mistake of ours. */
const lost = (cpu: number, at: string) => ({ guard: { type: 'isLost', params: { cpu, at } } }) as const;

/** A vCPU that waits at a place, for one thing. */
function waiting(cpu: number, operation: Operation, place: string, awaits: Awaits) {
  const at = `${operation}.${place}.${awaits}`;
  const mine = { guard: { type: 'mine', params: { cpu } }, actions: goOn } as const;
  const free = { guard: { type: 'lockFree', params: { cpu } }, actions: goOn } as const;
  const edges = edgesOf(operation, place).filter((leaf) => leaf !== at);
  return guest.createStateConfig({
    on:
      awaits === 'hcall'
        ? { 'hcall-return': mine }
        : awaits === 'rtas'
          ? { 'rtas-return': mine }
          : { step: free },
    always: [...edges.map((leaf) => goesTo(cpu, leaf)), lost(cpu, at)],
  });
}

/** One operation of a vCPU, with its places. */
function operationState(cpu: number, operation: Operation) {
  const places = Object.entries(placesOf(operation)).map(([place, { awaits, next }]) => {
    if (awaits.length === 0) {
      const edges = next.flatMap((name) => leavesOf(operation, name)).map((leaf) => goesTo(cpu, leaf));
      return [place, guest.createStateConfig({ always: [...edges, lost(cpu, place)] })] as const;
    }
    const states = Object.fromEntries(awaits.map((wait) => [wait, waiting(cpu, operation, place, wait)]));
    return [place, guest.createStateConfig({ initial: awaits[0]!, states })] as const;
  });
  return guest.createStateConfig({ initial: 'entered', states: Object.fromEntries(places) });
}

/** A vCPU at rest takes a command. */
function idle(cpu: number) {
  const commands = Object.entries(OPERATION_BY_COMMAND).map(([command, operation]) => {
    const taken = { guard: { type: 'mineAndUp', params: { cpu } }, actions: goOn } as const;
    return [command, operation === null ? taken : { ...taken, target: `#vcpu${cpu}.${operation}` }] as const;
  });
  const kexec = { guard: { type: 'startsKernel', params: { cpu } }, actions: goOn } as const;
  return guest.createStateConfig({
    on: { ...Object.fromEntries(commands), kexec: { ...kexec, target: `#vcpu${cpu}.booting` } },
  });
}

/** A vCPU that was inside a call when its kernel ended: the answer still comes, and nobody wants it. */
function stopping(cpu: number) {
  const dropped = { guard: { type: 'mine', params: { cpu } }, actions: goOn } as const;
  const gone = (at: string) => ({ always: [goesTo(cpu, 'off'), goesTo(cpu, 'idle'), lost(cpu, at)] });
  return guest.createStateConfig({
    initial: 'entered',
    states: {
      entered: {
        always: ['stopping.hcall', 'stopping.rtas', 'off', 'idle'].map((at) => goesTo(cpu, at)),
      },
      hcall: { on: { 'hcall-return': dropped }, ...gone('stopping.hcall') },
      rtas: { on: { 'rtas-return': dropped }, ...gone('stopping.rtas') },
    },
  });
}

/** One vCPU: off, at rest, or in an operation. */
function vcpu(cpu: number) {
  const operations = (Object.keys(OPERATIONS) as Operation[]).map(
    (operation) => [operation, operationState(cpu, operation)] as const,
  );
  const resets = { target: `#vcpu${cpu}.stopping` };
  return guest.createStateConfig({
    id: `vcpu${cpu}`,
    initial: 'off',
    on: {
      'machine-reset': cpu === 0 ? { ...resets, actions: goOn } : resets,
      kexec: { guard: 'kernelStarts', target: `#vcpu${cpu}.stopping` },
    },
    states: {
      off: {
        on: {
          'power-on': [
            { guard: { type: 'startsFirmware', params: { cpu } }, actions: goOn, target: 'firmware' },
            { guard: 'firmwareStarts', target: 'idle' },
          ],
        },
      },
      idle: idle(cpu),
      stopping: stopping(cpu),
      ...Object.fromEntries(operations),
    },
  });
}

/**
 * The guest kernel with its vCPUs. Each vCPU is a region: it is off, at rest, or at a place of an operation,
 * where it waits for a hypercall's answer, for RTAS's, or for a lock (a `step` takes a lock that is free).
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c, arch/powerpc/kernel/iommu.c, arch/powerpc/kernel/dma-iommu.c
 */
export function guestKernelMachine({ vcpus }: { readonly vcpus: number }) {
  return guest.createMachine({
    id: 'guest-kernel',
    type: 'parallel',
    context: ({ input }) => guestOff({ ...GUEST_CONFIG_DEFAULT, ...input }, vcpus),
    on: {
      'hotplug-event': { actions: goOn },
      '*': { guard: 'neverTaken', actions: refuse },
    },
    states: Object.fromEntries(Array.from({ length: vcpus }, (_, cpu) => [`vcpu${cpu}`, vcpu(cpu)])),
  });
}
