import { type ThreadId, threadId, type Unexpected, unreachable } from '@spapr-dma/protocol';
import { setup } from 'xstate';
import { mayBegin, mayFreeRegion, mayTakeLocks, REGION_RCU_THREAD, type VfioHostReceived } from './calls.js';
import { initialVfioHost, type VfioHostInput } from './initial.js';
import { memoryAccess, vfioFile } from './kvm-service.js';
import type { Begins } from './locks.js';
import { mmIommuFree } from './mm-iommu.js';
import { OPERATION_OF, OPERATIONS, type OperationName, type Place } from './places.js';
import { bindVfioPci, memoryEvent } from './processes.js';
import { threadOf, type VfioHost } from './state.js';
import { BEGIN } from './steps.js';
import { began, type RunOutcome, resumedBy, toldBy, type VfioHostMessage } from './thread-run.js';

/** What VFIO sends: calls and answers, effects, and that it was sent something that it can never take. */
export type VfioHostSent = VfioHostMessage | Unexpected<'vfio-host'>;

/** What an event leads to; the chart has found out that it can be taken. */
function outcomeOf(host: VfioHost, event: VfioHostReceived): RunOutcome {
  switch (event.type) {
    case 'map-memory':
    case 'unmap-memory':
    case 'protect-memory':
    case 'set-memlock':
    case 'fork':
      return { host: memoryEvent(host, event), messages: [] };
    case 'bind-vfio-pci':
      return { host: bindVfioPci(host, event.group, event.device), messages: [] };
    case 'vfio_file':
      return { host, messages: [vfioFile(host, event)] };
    case 'account_locked_vm':
    case 'mm_iommu_lookup':
    case 'ua_to_hpa':
    case 'mapped_inc':
    case 'mapped_dec': {
      const { outcome, reply } = memoryAccess(host, event);
      return { host: outcome.host, messages: [...toldBy(event.thread, outcome.said), reply] };
    }
    case 'table-group-return':
    case 'table-access-return':
      return resumedBy(host, event.thread, event);
    case 'step': {
      if (event.thread !== REGION_RCU_THREAD) return resumedBy(host, event.thread, BEGIN);
      const freed = mmIommuFree(host);
      return { host: freed.host, messages: toldBy(event.thread, freed.said) };
    }
    default:
      return began(host, event);
  }
}

/** The guards and actions of a thread's region are given its name. */
type OfThread = { readonly thread: ThreadId };
type AtPlace = OfThread & { readonly at: string };

const vfio = setup({
  types: {} as {
    context: VfioHost;
    input: VfioHostInput;
    events: VfioHostReceived;
    emitted: VfioHostSent;
  },
  guards: {
    mine: ({ event }, { thread }: OfThread) => 'thread' in event && event.thread === thread,
    mineAndFree: ({ context, event }, { thread }: OfThread) =>
      'thread' in event && event.thread === thread && mayBegin(context, event as Begins),
    locksFree: ({ context, event }, { thread }: OfThread) =>
      'thread' in event && event.thread === thread && mayTakeLocks(context, threadOf(context, thread)),
    regionUnread: ({ context, event }) =>
      event.type === 'step' && event.thread === REGION_RCU_THREAD && mayFreeRegion(context),
    isAt: ({ context }, { thread, at }: AtPlace) => threadOf(context, thread).at === at,
    isLost: ({ context }, { thread, at }: AtPlace) => {
      const now = threadOf(context, thread).at;
      return now !== at && unreachable(`${thread}: ${at} → ${now}`);
    },
    neverTaken: ({ context, event }) =>
      !KNOWN.has(event.type) ||
      ('thread' in event &&
        event.thread !== REGION_RCU_THREAD &&
        BY_THREAD.has(event.type) &&
        !context.threads.some(({ thread }) => thread === event.thread)),
  },
});

/** Calls that a thread at rest takes. */
const CALLS = Object.keys(OPERATION_OF) as Begins['type'][];
/** What is taken at any time, without a mutex. */
const LOCKLESS = [
  'map-memory',
  'unmap-memory',
  'protect-memory',
  'set-memlock',
  'fork',
  'bind-vfio-pci',
  'vfio_file',
  'account_locked_vm',
  'mm_iommu_lookup',
  'ua_to_hpa',
  'mapped_inc',
  'mapped_dec',
] as const satisfies readonly VfioHostReceived['type'][];
/** Messages that only a thread of the machine takes. */
const BY_THREAD: ReadonlySet<string> = new Set([
  ...CALLS,
  'table-group-return',
  'table-access-return',
  'step',
]);
const KNOWN: ReadonlySet<string> = new Set([...BY_THREAD, ...LOCKLESS]);

/** VFIO goes on by one message, and sends what that leads to. */
const goOn = vfio.enqueueActions(({ context, event, enqueue }) => {
  const { host, messages } = outcomeOf(context, event);
  if (host !== context) enqueue.assign(host);
  for (const message of messages) enqueue.emit(message);
});

/** Stops the run: nothing here can ever take this message. */
const refuse = vfio.emit(
  ({ event }): VfioHostSent => ({
    type: 'unexpected',
    from: 'vfio-host',
    to: 'environment',
    received: (event as { readonly type: string }).type,
    state: 'running',
  }),
);

const goesTo = (thread: ThreadId, at: string) =>
  ({ guard: { type: 'isAt', params: { thread, at } }, target: `#${thread}.${at}` }) as const;
/** A thread that is nowhere its place leads to is a mistake of ours. */
const lost = (thread: ThreadId, at: string) =>
  ({ guard: { type: 'isLost', params: { thread, at } } }) as const;

const MESSAGE_OF = {
  group: 'table-group-return',
  access: 'table-access-return',
  mutex: 'step',
} as const;

/** Where a thread can go on to from a place. */
const edges = (thread: ThreadId, operation: OperationName, next: readonly string[], at: string) => [
  ...[...new Set(next)]
    .map((name) => (name === 'idle' ? 'idle' : `${operation}.${name}`))
    .filter((leaf) => leaf !== at)
    .map((leaf) => goesTo(thread, leaf)),
  lost(thread, at),
];

/** A thread that waits at a place. */
function waiting(thread: ThreadId, operation: OperationName, name: string, { awaits, next }: Place) {
  const guard = { type: awaits === 'mutex' ? 'locksFree' : 'mine', params: { thread } } as const;
  return vfio.createStateConfig({
    on: { [MESSAGE_OF[awaits]]: { guard, actions: goOn } },
    always: edges(thread, operation, next, `${operation}.${name}`),
  });
}

/** One operation of a thread: its places, those of a function under the function's name. */
function operationState(thread: ThreadId, operation: OperationName) {
  const { entered, places } = OPERATIONS[operation] as (typeof OPERATIONS)['mapping'];
  const states: Record<string, ReturnType<typeof vfio.createStateConfig>> = {
    entered: vfio.createStateConfig({ always: edges(thread, operation, entered, `${operation}.entered`) }),
  };
  const under = new Map<string, Record<string, ReturnType<typeof vfio.createStateConfig>>>();
  for (const [name, place] of Object.entries(places)) {
    const [first, second] = name.split('.') as [string, string?];
    const state = waiting(thread, operation, name, place);
    if (second === undefined) states[first] = state;
    else under.set(first, { ...under.get(first), [second]: state });
  }
  for (const [name, inner] of under) {
    states[name] = vfio.createStateConfig({ initial: Object.keys(inner)[0]!, states: inner });
  }
  return vfio.createStateConfig({ initial: 'entered', states });
}

/** A thread that can be inside a system call. */
function threadState(thread: ThreadId) {
  const calls = CALLS.map((call) => {
    const target = `#${thread}.${OPERATION_OF[call]}`;
    return [call, { guard: { type: 'mineAndFree', params: { thread } }, actions: goOn, target }] as const;
  });
  const operations = (Object.keys(OPERATIONS) as OperationName[]).map(
    (operation) => [operation, operationState(thread, operation)] as const,
  );
  return vfio.createStateConfig({
    id: thread,
    initial: 'idle',
    states: {
      idle: vfio.createStateConfig({ on: Object.fromEntries(calls) }),
      ...Object.fromEntries(operations),
    },
  });
}

/**
 * VFIO and preregistered memory of a host. Each thread that can be inside a system call is a region: at rest, or
 * at a place of an operation, where it waits for the platform's answer or for mutexes (a `step` takes those that
 * are free). A call waits while another thread holds a mutex that it takes. KVM's questions are answered at once.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c, drivers/vfio/container.c, drivers/vfio/group.c
 * @see [Linux] arch/powerpc/mm/book3s64/iommu_api.c
 */
export function vfioHostMachine({ threads = ['main'] }: { readonly threads?: readonly string[] } = {}) {
  const names = threads.map(threadId);
  return vfio.createMachine({
    id: 'vfio-host',
    type: 'parallel',
    context: ({ input }) => initialVfioHost(input ?? {}, names),
    on: {
      ...Object.fromEntries(LOCKLESS.map((message) => [message, { actions: goOn }])),
      step: { guard: 'regionUnread', actions: goOn },
      '*': { guard: 'neverTaken', actions: refuse },
    },
    states: Object.fromEntries(names.map((thread) => [thread, threadState(thread)])),
  });
}
