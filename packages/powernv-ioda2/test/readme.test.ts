import { expect, test } from 'vitest';
import { exampleOutput, generatedPart } from '../../../readme.base.ts';
import { type PowernvReceived, type PowernvSent, powernvMachine } from '../src/index.ts';

const RECEIVED: Readonly<Record<PowernvReceived['type'], string>> = {
  iommu_group_claim_dma_owner:
    'VFIO becomes the owner of a group, which is taken from the host by each device',
  iommu_group_release_dma_owner: 'VFIO gives it back',
  take_ownership: 'the same until linux-6.3, once for the group',
  release_ownership: 'the same until linux-6.3, once for the group',
  get_table_size: 'what a table of that shape is charged; 0 where there is none',
  create_table: 'a table for a window, with its userspace view',
  set_window: 'a window of the group’s PE gets a table',
  unset_window: 'and loses it',
  table_group_read: 'what a group is, and which tables it has',
  iommu_tce_table_get: 'a reference on a table',
  iommu_tce_table_put: 'one less; the last one frees it',
  tce_xchg: 'hardware entries are exchanged for others',
  userspace_slot_read: 'the userspace addresses of entries',
  userspace_slot_write: 'the same, written or emptied',
  tce_kill: 'the PHBs forget what entries were',
  'bind-driver': 'a driver that uses the host’s DMA API',
  'unbind-driver': 'and its end',
  dma_map: 'the DMA API maps memory for a device of the host',
  dma_unmap: 'and takes it away',
  'remove-device': 'a function is taken out of the host’s kernel',
  rescan: 'functions behind a PHB are looked for',
  sriov_numvfs: 'a function makes virtual functions, or takes them away',
  'fail-next': 'the next call of that name, of firmware or allocator, fails',
  'host-device-dma': 'a device reads or writes on the bus',
};

const SENT: Readonly<Record<PowernvSent['type'], string>> = {
  'table-group-return': 'to whom the call on a group or a reference came from',
  'table-access-return': 'to whom the access to a table came from: what stood there',
  'host-return': 'to the environment: how a call of the host ended',
  'host-dma-done': 'to the environment: where each piece of a transfer went',
  opal_pci_map_pe_dma_window: 'to the environment: the firmware programs or disables a window',
  opal_pci_map_pe_dma_window_real: 'to the environment: the same of the bypass window',
  opal_pci_tce_kill: 'to the environment: PHB4 and newer forget translations',
  tce_kill_register: 'to the environment: a PHB3 does, one store for each page',
  effect: 'to the environment: a function of the kernel that ran, at its place among the others',
  cost: 'to the environment: what a step cost that is more than one access',
  unexpected: 'to the environment: a message that is none of those above; it stops the run',
};

const rows = (told: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(told).map(([type, is]) => `| \`${type}\` | ${is} |`);

test('the README says which messages are understood', () => {
  expect(Object.keys(powernvMachine.states)).toEqual(['serving']);
  expect(powernvMachine.states.serving!.ownEvents).toEqual(Object.keys(RECEIVED));
  const { shown, generated } = generatedPart('src/powernv.machine.ts', [
    '| message | is |',
    '| --- | --- |',
    ...rows(RECEIVED),
  ]);
  expect(shown).toBe(generated);
});

test('the README says what is sent, and to whom', () => {
  const { shown, generated } = generatedPart('src/sent.ts', [
    '| message | goes |',
    '| --- | --- |',
    ...rows(SENT),
  ]);
  expect(shown).toBe(generated);
});

test('the README’s example prints what it says', async () => {
  const { shown, printed } = await exampleOutput();
  expect(printed).toBe(shown);
});
