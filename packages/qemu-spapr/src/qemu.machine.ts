import { enqueueActions, setup } from 'xstate';
import { outcomeOf, type QemuReceived, RCU_THREAD } from './calls.js';
import { deviceAdd } from './device-add.js';
import { createIsLong } from './ibm-create-pe-dma-window.js';
import { initialQemu, type QemuInput } from './initial.js';
import type { QemuSent } from './sent.js';
import type { QemuState } from './state.js';

/**
 * QEMU's sPAPR machine as far as DMA goes. Everything below runs under the big lock, one message at a
 * time; only a create that notifiers listen to holds the lock over more than one step.
 *
 * `realized` is QEMU before its first reset, `paused` has no running vCPU, and `aborted` is QEMU gone: it
 * takes nothing, and whoever waits for an answer waits for ever.
 * @see [QEMU] hw/ppc/spapr.c: spapr_machine_init, spapr_machine_reset
 */
export const qemuMachine = setup({
  types: {} as { context: QemuState; input: QemuInput; events: QemuReceived; emitted: QemuSent },
  actions: {
    answer: enqueueActions(({ context, event, enqueue }) => {
      const { qemu, sent } = outcomeOf(context, event);
      if (qemu !== context) enqueue.assign(qemu);
      for (const message of sent) enqueue.emit(message);
    }),
    realize: enqueueActions(({ context, event, enqueue }) => {
      if (event.type !== 'device_add') return;
      const { qemu, sent } = deviceAdd(context, event, 'cold');
      enqueue.assign(qemu);
      for (const message of sent) enqueue.emit(message);
    }),
  },
  guards: {
    aborts: ({ context, event }) => {
      const outcome = outcomeOf(context, event);
      return 'aborted' in outcome && outcome.aborted !== null;
    },
    createIsLong: ({ context, event }) =>
      event.type === 'ibm,create-pe-dma-window' && createIsLong(context, event),
    hasDying: ({ context, event }) =>
      event.type === 'step' &&
      event.thread === RCU_THREAD &&
      context.phbs.some(({ mode }) => mode === 'dying'),
    isCreating: ({ context, event }) => event.type === 'step' && context.creating?.thread === event.thread,
  },
}).createMachine({
  id: 'qemu-spapr',
  context: ({ input }) => initialQemu(input),
  initial: 'realized',
  states: {
    realized: {
      on: {
        device_add: { actions: 'realize' },
        system_reset: [
          { guard: 'aborts', target: 'aborted', actions: 'answer' },
          { target: 'running', actions: 'answer' },
        ],
      },
    },
    running: {
      on: {
        H_PUT_TCE: { actions: 'answer' },
        H_PUT_TCE_INDIRECT: { actions: 'answer' },
        H_STUFF_TCE: { actions: 'answer' },
        H_GET_TCE: { actions: 'answer' },
        H_REG_CRQ: { actions: 'answer' },
        H_FREE_CRQ: { actions: 'answer' },
        hcall: { actions: 'answer' },
        'ibm,query-pe-dma-window': { actions: 'answer' },
        'ibm,create-pe-dma-window': [
          { guard: 'aborts', target: 'aborted', actions: 'answer' },
          { guard: 'createIsLong', target: 'creatingWindow', actions: 'answer' },
          { actions: 'answer' },
        ],
        'ibm,remove-pe-dma-window': [
          { guard: 'aborts', target: 'aborted', actions: 'answer' },
          { actions: 'answer' },
        ],
        'ibm,reset-pe-dma-window': [
          { guard: 'aborts', target: 'aborted', actions: 'answer' },
          { actions: 'answer' },
        ],
        'ibm,set-tce-bypass': { actions: 'answer' },
        quiesce: { actions: 'answer' },
        'set-indicator': { actions: 'answer' },
        'get-sensor-state': { actions: 'answer' },
        'ibm,configure-connector': { actions: 'answer' },
        rtas: { actions: 'answer' },
        device_add: [{ guard: 'aborts', target: 'aborted', actions: 'answer' }, { actions: 'answer' }],
        step: { guard: 'hasDying', actions: 'answer' },
        device_del: { actions: 'answer' },
        system_reset: [{ guard: 'aborts', target: 'aborted', actions: 'answer' }, { actions: 'answer' }],
        stop: { target: 'paused', actions: 'answer' },
        migrate: { target: 'paused', actions: 'answer' },
        'migrate-incoming': [
          { guard: 'aborts', target: 'aborted', actions: 'answer' },
          { actions: 'answer' },
        ],
        'device-dma': { actions: 'answer' },
        'register-iommu-notifier': { actions: 'answer' },
        'unregister-iommu-notifier': { actions: 'answer' },
      },
    },
    /** A create has made its window and shows it to the notifiers, with the big lock held. */
    creatingWindow: {
      on: {
        step: { guard: 'isCreating', target: 'running', actions: 'answer' },
        'device-dma': { actions: 'answer' },
      },
    },
    paused: {
      on: {
        cont: { target: 'running', actions: 'answer' },
        device_add: [{ guard: 'aborts', target: 'aborted', actions: 'answer' }, { actions: 'answer' }],
        step: { guard: 'hasDying', actions: 'answer' },
        device_del: { actions: 'answer' },
        system_reset: [{ guard: 'aborts', target: 'aborted', actions: 'answer' }, { actions: 'answer' }],
        migrate: { actions: 'answer' },
        'migrate-incoming': [
          { guard: 'aborts', target: 'aborted', actions: 'answer' },
          { actions: 'answer' },
        ],
      },
    },
    aborted: {},
  },
});
