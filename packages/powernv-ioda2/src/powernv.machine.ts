import { enqueueActions, setup } from 'xstate';
import { outcomeOf, type PowernvReceived } from './calls.js';
import { initialPowernv, type PowernvInput } from './initial.js';
import type { PowernvSent } from './sent.js';
import type { PowernvState } from './state.js';

/**
 * The powernv platform: a server to VFIO, KVM and the host's own drivers. Each message is one atomic step with
 * one answer, so there is one mode, and whatever may interleave does so between the messages of the others.
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c, arch/powerpc/platforms/powernv/pci-ioda-tce.c
 */
export const powernvMachine = setup({
  types: {} as {
    context: PowernvState;
    input: PowernvInput;
    events: PowernvReceived;
    emitted: PowernvSent;
  },
  actions: {
    answer: enqueueActions(({ context, event, enqueue }) => {
      const { powernv, sent } = outcomeOf(context, event);
      if (powernv !== context) enqueue.assign(powernv);
      for (const message of sent) enqueue.emit(message);
    }),
    refuse: enqueueActions(({ event, enqueue }) => {
      const { type } = event as { readonly type: string };
      enqueue.emit({
        type: 'unexpected',
        from: 'powernv-ioda2',
        to: 'environment',
        received: type,
        state: 'serving',
      });
    }),
  },
}).createMachine({
  id: 'powernv-ioda2',
  context: ({ input }) => initialPowernv(input),
  initial: 'serving',
  on: { '*': { actions: 'refuse' } },
  states: {
    serving: {
      on: {
        iommu_group_claim_dma_owner: { actions: 'answer' },
        iommu_group_release_dma_owner: { actions: 'answer' },
        take_ownership: { actions: 'answer' },
        release_ownership: { actions: 'answer' },
        get_table_size: { actions: 'answer' },
        create_table: { actions: 'answer' },
        set_window: { actions: 'answer' },
        unset_window: { actions: 'answer' },
        table_group_read: { actions: 'answer' },
        iommu_tce_table_get: { actions: 'answer' },
        iommu_tce_table_put: { actions: 'answer' },
        tce_xchg: { actions: 'answer' },
        userspace_slot_read: { actions: 'answer' },
        userspace_slot_write: { actions: 'answer' },
        tce_kill: { actions: 'answer' },
        'bind-driver': { actions: 'answer' },
        'unbind-driver': { actions: 'answer' },
        dma_map: { actions: 'answer' },
        dma_unmap: { actions: 'answer' },
        'remove-device': { actions: 'answer' },
        rescan: { actions: 'answer' },
        sriov_numvfs: { actions: 'answer' },
        'fail-next': { actions: 'answer' },
        'host-device-dma': { actions: 'answer' },
      },
    },
  },
});
