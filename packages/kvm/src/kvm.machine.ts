import { type Hcall, type KvmCall, type RtasCall, type Unexpected, unreachable } from '@spapr-dma/protocol';
import { setup } from 'xstate';
import {
  awaits,
  cpuOf,
  findsView,
  ioctlFor,
  type KvmReceived,
  mayEnter,
  type Outcome,
  outcomeOf,
  rcuMaySteps,
  vcpusAreOut,
} from './calls.js';
import { ENTRY_PLACES, IOCTL_PLACES, type PlaceInfo, RCU_PLACES, VCPU_PLACES } from './places.js';
import { nobodyReads } from './rcu.js';
import type { KvmSent } from './sent.js';
import { initialKvm, type KvmInput, type KvmState, type Task, vcpusInside } from './state.js';
import { KVM_CONFIG_DEFAULT } from './versions.js';

/** Whose region: a vCPU, a system call's, or RCU's; by number. */
type Whose = { readonly region: 'vcpu' | 'ioctl' | 'rcu'; readonly n: number };
type AtPlace = Whose & { readonly at: string };

const taskOf = (kvm: KvmState, { region, n }: Whose): Task =>
  region === 'rcu' ? kvm.rcu : (region === 'vcpu' ? kvm.vcpus : kvm.ioctls)[n]!;

/** The outcome that a guard asked for is the one that the action after it wants. */
let last: { readonly kvm: KvmState; readonly event: KvmReceived; readonly outcome: Outcome } | null = null;
function outcome(kvm: KvmState, event: KvmReceived): Outcome {
  if (last === null || last.kvm !== kvm || last.event !== event) {
    last = { kvm, event, outcome: outcomeOf(kvm, event) };
  }
  return last.outcome;
}

const kvmSetup = setup({
  types: {} as {
    context: KvmState;
    input: KvmInput | undefined;
    events: KvmReceived;
    emitted: KvmSent | Unexpected<'kvm'>;
  },
  guards: {
    answered: ({ context, event }, whose: Whose) => awaits(taskOf(context, whose), event),
    mine: ({ context, event }, { n }: Whose) => cpuOf(context, event) === n,
    mineAndRunning: ({ context, event }, { n }: Whose) =>
      mayEnter(context, event) && cpuOf(context, event) === n,
    answeredAtOnce: ({ context, event }, { n }: Whose) =>
      mayEnter(context, event) &&
      cpuOf(context, event) === n &&
      outcome(context, event).kvm.vcpus[n]!.at === 'inGuest',
    free: ({ context, event }, { n }: Whose) => ioctlFor(context, event) === n,
    freeAndReturns: ({ context, event }, { n }: Whose) =>
      ioctlFor(context, event) === n && outcome(context, event).kvm.ioctls[n]!.at === 'idle',
    freeAndFound: ({ context, event }, { n }: Whose) =>
      ioctlFor(context, event) === n && findsView(context, event),
    vcpusAreOut: ({ context }) => vcpusInside(context).length === 0,
    nobodyReads: ({ context }) => nobodyReads(context),
    graceIsOver: ({ context, event }) => rcuMaySteps(context, event),
    isAt: ({ context }, { at, ...whose }: AtPlace) => taskOf(context, whose).at === at,
    isLost: ({ context }, { at, ...whose }: AtPlace) =>
      taskOf(context, whose).at !== at &&
      unreachable(`${taskOf(context, whose).thread}: ${at} → ${taskOf(context, whose).at}`),
    neverTaken: ({ context, event }) => isNobodys(context, event),
  },
});

/** KVM goes on by one message, and sends what that leads to. */
const goOn = kvmSetup.enqueueActions(({ context, event, enqueue }) => {
  const { kvm, sent } = outcome(context, event);
  if (kvm !== context) enqueue.assign(kvm);
  for (const message of sent) enqueue.emit(message);
});

/** Stops the run: no state takes this message at any time. */
const refuse = kvmSetup.emit(
  ({ event }): Unexpected<'kvm'> => ({
    type: 'unexpected',
    from: 'kvm',
    to: 'environment',
    received: (event as { readonly type: string }).type,
    state: 'kvm',
  }),
);

const HCALLS: readonly (Hcall | RtasCall)['type'][] = [
  'H_PUT_TCE',
  'H_PUT_TCE_INDIRECT',
  'H_STUFF_TCE',
  'H_GET_TCE',
  'H_REG_CRQ',
  'H_FREE_CRQ',
  'hcall',
  'ibm,query-pe-dma-window',
  'ibm,create-pe-dma-window',
  'ibm,remove-pe-dma-window',
  'ibm,reset-pe-dma-window',
  'ibm,set-tce-bypass',
  'quiesce',
  'set-indicator',
  'get-sensor-state',
  'ibm,configure-connector',
  'rtas',
];
const SYSCALLS: readonly (KvmCall['type'] | 'exit')[] = [
  'KVM_GET_API_VERSION',
  'KVM_CHECK_EXTENSION',
  'KVM_CREATE_DEVICE',
  'KVM_SET_USER_MEMORY_REGION',
  'KVM_CREATE_SPAPR_TCE',
  'KVM_CREATE_SPAPR_TCE_64',
  'KVM_ENABLE_CAP',
  'KVM_DEV_VFIO_GROUP_ADD',
  'KVM_DEV_VFIO_GROUP_DEL',
  'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE',
  'mmap',
  'close',
  'pause_all_vcpus',
  'resume_all_vcpus',
  'exit',
];
const VIEW_ACCESSES = ['view_load', 'view_store', 'view_bulk_load'] as const;
const OF_VCPUS: ReadonlySet<string> = new Set([...HCALLS, 'hcall-return', 'rtas-return']);
const WAIT_FOR_TURN: ReadonlySet<string> = new Set([
  ...SYSCALLS,
  'step',
  'memory-access-return',
  'vfio-file-return',
  'table-group-return',
  'table-access-return',
]);

/** Whether a message can never be taken: nobody knows it, it names no vCPU, or there is no such view. */
function isNobodys(kvm: KvmState, event: KvmReceived): boolean {
  if (OF_VCPUS.has(event.type)) return cpuOf(kvm, event) === -1;
  if ((VIEW_ACCESSES as readonly string[]).includes(event.type)) return !findsView(kvm, event);
  return event.type !== 'fail-next' && !WAIT_FOR_TURN.has(event.type);
}

const idOf = ({ region, n }: Whose): string => (region === 'rcu' ? 'rcu' : `${region}${n}`);
const goesTo = (whose: Whose, at: string) =>
  ({ guard: { type: 'isAt', params: { ...whose, at } }, target: `#${idOf(whose)}.${at}` }) as const;
/** A thread that is nowhere its place leads to is a mistake of ours. */
const lost = (whose: Whose, at: string) => ({ guard: { type: 'isLost', params: { ...whose, at } } }) as const;
const always = (whose: Whose, at: string, next: readonly string[]) => [
  ...next.filter((place) => place !== at).map((place) => goesTo(whose, place)),
  lost(whose, at),
];

/** The places of a thread: `group.place` is a state of its own within its group. */
function placesOf(whose: Whose, places: Readonly<Record<string, PlaceInfo>>) {
  const groups = [...new Set(Object.keys(places).map((place) => place.split('.')[0]!))];
  return Object.fromEntries(
    groups.map((group) => {
      const own = Object.entries(places).filter(([place]) => place.startsWith(`${group}.`));
      const states = Object.fromEntries(
        own.map(([place, info]) => [
          place.slice(group.length + 1),
          kvmSetup.createStateConfig({
            on: { [info.awaits]: { guard: { type: 'answered', params: whose }, actions: goOn } },
            always: always(whose, place, info.next),
          }),
        ]),
      );
      const initial = own[0]![0].slice(group.length + 1);
      return [group, kvmSetup.createStateConfig({ initial, states })];
    }),
  );
}

/** One vCPU: in the guest, on its way through a hypercall, or waiting for QEMU. */
function vcpu(n: number) {
  const whose: Whose = { region: 'vcpu', n };
  const atOnce = { guard: { type: 'answeredAtOnce', params: whose }, actions: goOn } as const;
  const enters = {
    guard: { type: 'mineAndRunning', params: whose },
    actions: goOn,
    target: 'entered',
  } as const;
  const leaves = { guard: { type: 'mine', params: whose }, actions: goOn, target: 'inGuest' } as const;
  return kvmSetup.createStateConfig({
    id: idOf(whose),
    initial: 'inGuest',
    states: {
      inGuest: { on: Object.fromEntries(HCALLS.map((type) => [type, [atOnce, enters]])) },
      entered: { always: always(whose, 'entered', ENTRY_PLACES) },
      inUserspace: {
        on: { 'hcall-return': leaves, 'rtas-return': leaves },
        always: always(whose, 'inUserspace', ['inGuest']),
      },
      ...placesOf(whose, VCPU_PLACES),
    },
  });
}

/** One system call at a time, of any thread; accesses to a view come between them. */
function ioctl(n: number) {
  const whose: Whose = { region: 'ioctl', n };
  const returns = { guard: { type: 'freeAndReturns', params: whose }, actions: goOn } as const;
  const enters = { guard: { type: 'free', params: whose }, actions: goOn, target: 'entered' } as const;
  const accesses = { guard: { type: 'freeAndFound', params: whose }, actions: goOn } as const;
  const out = kvmSetup.enqueueActions(({ context, enqueue }) => {
    const { kvm, sent } = vcpusAreOut(context, n);
    enqueue.assign(kvm);
    for (const message of sent) enqueue.emit(message);
  });
  return kvmSetup.createStateConfig({
    id: idOf(whose),
    initial: 'idle',
    states: {
      idle: {
        on: {
          ...Object.fromEntries(SYSCALLS.map((type) => [type, [returns, enters]])),
          ...Object.fromEntries(VIEW_ACCESSES.map((type) => [type, accesses])),
        },
      },
      entered: {
        always: always(whose, 'entered', [
          ...Object.keys(IOCTL_PLACES),
          'pausingVcpus',
          'waitingForGracePeriod',
        ]),
      },
      pausingVcpus: { always: { guard: 'vcpusAreOut', actions: out, target: 'idle' } },
      waitingForGracePeriod: { always: { guard: 'nobodyReads', actions: out, target: 'idle' } },
      ...placesOf(whose, IOCTL_PLACES),
    },
  });
}

/** RCU's thread: frees what nobody can see any more, in the order in which it was unlinked. */
function rcu() {
  const whose: Whose = { region: 'rcu', n: 0 };
  return kvmSetup.createStateConfig({
    id: idOf(whose),
    initial: 'quiet',
    states: {
      quiet: { always: always(whose, 'quiet', ['pending']) },
      pending: {
        on: { step: { guard: 'graceIsOver', actions: goOn } },
        always: always(whose, 'pending', ['quiet', ...Object.keys(RCU_PLACES)]),
      },
      ...placesOf(whose, RCU_PLACES),
    },
  });
}

/**
 * KVM on a book3s host, as far as DMA goes. Each vCPU is a region, QEMU's system calls are one (`ioctls` of them for
 * models in which a process makes several at a time), and RCU's thread is one.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c, virt/kvm/vfio.c
 */
export function kvmMachine({ vcpus, ioctls = 1 }: { readonly vcpus: number; readonly ioctls?: number }) {
  return kvmSetup.createMachine({
    id: 'kvm',
    type: 'parallel',
    context: ({ input }) => initialKvm(input?.config ?? KVM_CONFIG_DEFAULT, vcpus, ioctls),
    on: {
      'fail-next': { actions: goOn },
      '*': { guard: 'neverTaken', actions: refuse },
    },
    states: {
      ...Object.fromEntries(Array.from({ length: vcpus }, (_, n) => [`vcpu${n}`, vcpu(n)])),
      ...Object.fromEntries(
        Array.from({ length: ioctls }, (_, n) => [n === 0 ? 'ioctl' : `ioctl${n}`, ioctl(n)]),
      ),
      rcu: rcu(),
    },
  });
}
