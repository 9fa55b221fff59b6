import { type ThreadId, unreachable } from '@spapr-dma/protocol';
import { setup } from 'xstate';
import { isLongHcall, outcomeOf, type QemuReceived, taken } from './calls.js';
import { isOfDma } from './device-dma.js';
import { initialQemu, type QemuInput } from './initial.js';
import { OPERATIONS, type Operation, operationOf, placeOf } from './places.js';
import { hasCallbacks } from './rcu.js';
import type { Outcome, QemuSent } from './sent.js';
import type { QemuState } from './state.js';
import type { Resumption } from './steps.js';
import type { Awaits, Over, Resting } from './task.js';
import { goOn, isAwaited, RCU_THREAD, type TaskOutcome } from './task-run.js';

type AtPlace = { readonly operation: Operation; readonly place: string };
type Goes = { readonly goes: Over['goes'] };
type Leads = { readonly resting: Resting; readonly goes: TaskOutcome['goes'] };

const threadOf = (event: QemuReceived): ThreadId | undefined =>
  'thread' in event ? event.thread : undefined;
const isAt = ({ task }: QemuState, { operation, place }: AtPlace): boolean =>
  operationOf(task) === operation && placeOf(task) === place;

/** What a message leads to is decided once, for the guards that ask and the action that does it. */
let decided: { context: QemuState; event: QemuReceived; resting: Resting; outcome: TaskOutcome } | null =
  null;
function decide(context: QemuState, event: QemuReceived, resting: Resting): TaskOutcome {
  if (decided?.context !== context || decided.event !== event || decided.resting !== resting) {
    decided = { context, event, resting, outcome: taken(context, event, resting) };
  }
  return decided.outcome;
}

/** The RCU thread has something to do only where something has left; everybody else may begin. */
const mayBegin = (context: QemuState, event: QemuReceived): boolean =>
  event.type !== 'step' || (event.thread === RCU_THREAD && hasCallbacks(context));

const qemu = setup({
  types: {} as { context: QemuState; input: QemuInput; events: QemuReceived; emitted: QemuSent },
  guards: {
    isShort: ({ context, event }) => !isLongHcall(context, event),
    mayBegin: ({ context, event }) => mayBegin(context, event),
    leadsTo: ({ context, event }, { resting, goes }: Leads) =>
      mayBegin(context, event) && decide(context, event, resting).goes === goes,
    isOfDma: ({ context, event }) => isOfDma(context, threadOf(event) as ThreadId),
    vcpusRun: ({ context }) => context.task?.mode === 'waiting' && context.task.resting === 'running',
    starts: ({ context }) => context.task !== null,
    isAwaited: ({ context, event }) => isAwaited(context, event as { type: string; thread?: ThreadId }),
    isOver: ({ context }) => context.task?.mode === 'over',
    goes: ({ context }, { goes }: Goes) => context.task?.mode === 'over' && context.task.goes === goes,
    isFor: ({ context }, { operation }: { operation: Operation }) => operationOf(context.task) === operation,
    isAt: ({ context }, at: AtPlace) => isAt(context, at),
    hasLeft: ({ context }, at: AtPlace) => !isAt(context, at),
    isLost: ({ context: { task } }) =>
      unreachable(`${operationOf(task)} waits at ${placeOf(task)}, which is no place of it`),
  },
});

/** The machine goes on by what a message leads to, and sends what that says. */
const follow = (outcomeOfEvent: (context: QemuState, event: QemuReceived) => Outcome) =>
  qemu.enqueueActions(({ context, event, enqueue }) => {
    const outcome = outcomeOfEvent(context, event);
    if (outcome.qemu !== context) enqueue.assign(outcome.qemu);
    for (const message of outcome.sent) enqueue.emit(message);
  });

/** One step, and the big lock is free again. */
const answer = follow(outcomeOf);
/** The holder of the big lock goes on. */
const resume = follow((context, event) => goOn(context, event as Resumption));
const forget = qemu.assign({ task: null });

/** A place at which the holder of the big lock waits. */
function placeState(operation: Operation, place: string, awaits: Awaits) {
  return qemu.createStateConfig({
    on: { [awaits]: { guard: 'isAwaited', actions: resume } },
    always: [
      { guard: 'isOver', target: '#busy' },
      {
        guard: { type: 'hasLeft', params: { operation, place } },
        target: `#${operation}`,
      },
    ],
  });
}

/** What the big lock is held for, with its places. */
function operationState(operation: Operation) {
  const places = Object.entries<Awaits>(OPERATIONS[operation]);
  return qemu.createStateConfig({
    id: operation,
    initial: 'entered',
    states: {
      entered: {
        always: [
          ...places.map(([place]) => ({
            guard: { type: 'isAt' as const, params: { operation, place } },
            target: place,
          })),
          { guard: 'isLost' },
        ],
      },
      ...Object.fromEntries(
        places.map(([place, awaits]) => [place, placeState(operation, place, awaits)] as const),
      ),
    },
  });
}

const ENDS = ['realized', 'running', 'paused', 'aborted', 'exited'] as const;
const NAMES = Object.keys(OPERATIONS) as Operation[];

/**
 * Somebody holds the big lock: nothing is taken but what the holder waits for. Emulated devices need no lock.
 * Whether vCPUs run meanwhile, and where QEMU goes when the lock is free again, is the task's to know.
 */
const busy = qemu.createStateConfig({
  id: 'busy',
  initial: 'entered',
  on: {
    'device-dma': { guard: 'vcpusRun', actions: answer },
    'view-return': { guard: 'isOfDma', actions: answer },
    kill: { target: '#exited', actions: forget },
  },
  states: {
    entered: {
      always: [
        ...ENDS.map((goes) => ({
          guard: { type: 'goes' as const, params: { goes } },
          target: `#${goes}`,
          actions: forget,
        })),
        ...NAMES.map((operation) => ({
          guard: { type: 'isFor' as const, params: { operation } },
          target: operation,
        })),
        { guard: 'isLost' },
      ],
    },
    ...Object.fromEntries(NAMES.map((operation) => [operation, operationState(operation)] as const)),
  },
});

/** Somebody takes the big lock, does what takes one step, and lets it go or holds it on. */
function at(resting: Resting) {
  const actions = follow((context, event) => decide(context, event, resting));
  const leads = (goes: TaskOutcome['goes']) =>
    ({
      guard: { type: 'leadsTo', params: { resting, goes } },
      target: `#${goes}`,
      actions,
    }) as const;
  const others = ENDS.filter((end) => end !== resting);
  return [leads('busy'), ...others.map(leads), { guard: 'mayBegin', actions }] as const;
}
const inRealized = at('realized');
const inRunning = at('running');
const inPaused = at('paused');
/** A call that takes one step, or many where the view is KVM's or VFIO listens. */
const tceHcall = [{ guard: 'isShort', actions: answer }, ...inRunning] as const;
const dmaReturn = { guard: 'isOfDma', actions: answer } as const;
/** Whoever holds the big lock, and whatever for. */
const killed = { target: 'exited', actions: forget } as const;
/** The transfer was QEMU's, and is gone with it. */
const lateReturn = { guard: 'isOfDma', actions: qemu.assign({ dmas: [] }) } as const;

/**
 * QEMU's sPAPR machine as far as DMA goes. Everything but emulated devices' DMA runs under the big lock. What asks
 * nobody is one step; what waits for KVM or VFIO, or is shown to a listener, holds the lock over many (`busy`).
 *
 * `realized` is QEMU before its first reset, `paused` has no running vCPU, `exited` is QEMU gone by its own will or
 * killed, and `aborted` by a failed assertion: it takes nothing, and whoever waits for an answer waits for ever.
 * @see [QEMU] hw/ppc/spapr.c: spapr_machine_init, spapr_machine_reset
 */
export const qemuMachine = qemu.createMachine({
  id: 'qemu-spapr',
  context: ({ input }) => initialQemu(input),
  initial: 'realized',
  states: {
    realized: {
      id: 'realized',
      always: { guard: 'starts', target: 'busy' },
      on: {
        device_add: inRealized,
        system_reset: inRealized,
        'register-iommu-notifier': inRealized,
        'unregister-iommu-notifier': { actions: answer },
        quit: { target: 'exited', actions: answer },
        kill: killed,
      },
    },
    running: {
      id: 'running',
      on: {
        H_PUT_TCE: tceHcall,
        H_PUT_TCE_INDIRECT: tceHcall,
        H_STUFF_TCE: tceHcall,
        H_GET_TCE: tceHcall,
        H_REG_CRQ: { actions: answer },
        H_FREE_CRQ: { actions: answer },
        hcall: { actions: answer },
        'ibm,query-pe-dma-window': { actions: answer },
        'ibm,create-pe-dma-window': inRunning,
        'ibm,remove-pe-dma-window': inRunning,
        'ibm,reset-pe-dma-window': inRunning,
        'ibm,set-tce-bypass': { actions: answer },
        quiesce: inRunning,
        'set-indicator': { actions: answer },
        'get-sensor-state': { actions: answer },
        'ibm,configure-connector': { actions: answer },
        rtas: { actions: answer },
        device_add: inRunning,
        step: inRunning,
        device_del: inRunning,
        system_reset: inRunning,
        stop: { target: 'paused', actions: answer },
        migrate: inRunning,
        'migrate-incoming': inRunning,
        'device-dma': { actions: answer },
        'view-return': dmaReturn,
        'register-iommu-notifier': inRunning,
        'unregister-iommu-notifier': { actions: answer },
        quit: { target: 'exited', actions: answer },
        kill: killed,
      },
    },
    busy,
    paused: {
      id: 'paused',
      on: {
        cont: { target: 'running', actions: answer },
        device_add: inPaused,
        step: inPaused,
        device_del: inPaused,
        system_reset: inPaused,
        migrate: inPaused,
        'migrate-incoming': inPaused,
        'view-return': dmaReturn,
        'register-iommu-notifier': inPaused,
        'unregister-iommu-notifier': { actions: answer },
        quit: { target: 'exited', actions: answer },
        kill: killed,
      },
    },
    aborted: { id: 'aborted', on: { 'view-return': lateReturn } },
    exited: { id: 'exited', on: { 'view-return': lateReturn } },
  },
});
