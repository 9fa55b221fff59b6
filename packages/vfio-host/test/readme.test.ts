import { expect, test } from 'vitest';
import { exampleOutput, generatedPart } from '../../../readme.base.ts';
import { OPERATIONS } from '../src/places.ts';
import type { VfioHostSent } from '../src/vfio-host.machine.ts';

const SENT: Readonly<Record<VfioHostSent['type'], string>> = {
  'vfio-return': 'to whom the system call came from: its value, or its errno',
  'host-done': 'to the environment: a process has ended, or vfio-pci has given its device up',
  'vfio-file-return': 'to KVM: what is behind a descriptor',
  'memory-access-return':
    'to KVM: a region, an address in the host, or whether a count or a charge was taken',
  iommu_group_claim_dma_owner: 'to the platform: VFIO becomes the owner of a group (since linux-6.4)',
  iommu_group_release_dma_owner: 'to the platform: the host gets the group back',
  take_ownership: 'to the platform: the same in kernels before',
  release_ownership: 'to the platform: the same in kernels before',
  table_group_read: 'to the platform: what a group is, and whether somebody has claimed it',
  get_table_size: 'to the platform: what a window is charged',
  create_table: 'to the platform: the table of a window',
  set_window: 'to the platform: a table into a window of a group',
  unset_window: 'to the platform: and out of it',
  iommu_tce_table_get: 'never sent',
  iommu_tce_table_put: 'to the platform: the container lets go of a table',
  tce_xchg: 'to the platform: entries are exchanged, and what stood there comes back',
  userspace_slot_read: 'to the platform: which addresses of the process entries were made for',
  userspace_slot_write: 'to the platform: the same is noted, or forgotten',
  tce_kill: 'to the platform: what the PHB has cached of these entries is void',
  effect: 'to the environment: a function of the kernel ran',
  cost: 'to the environment: pages pinned, entries written, entries walked over',
  unexpected: 'to the environment: nobody here can ever take this message',
};

test('the README says what is sent, and to whom', () => {
  const { shown, generated } = generatedPart('src/vfio-host.machine.ts', [
    '| message | goes |',
    '| --- | --- |',
    ...Object.entries(SENT)
      .filter(([, goes]) => goes !== 'never sent')
      .map(([type, goes]) => `| \`${type}\` | ${goes} |`),
  ]);
  expect(shown).toBe(generated);
});

const MESSAGE = { group: 'platform', access: 'table', mutex: 'mutex' } as const;

test('the README says where a thread waits, and for what', () => {
  const { shown, generated } = generatedPart('src/places.ts', [
    '| operation | waits at |',
    '| --- | --- |',
    ...Object.entries(OPERATIONS)
      .filter(([, { places }]) => Object.keys(places).length > 0)
      .map(([name, { places }]) => {
        const all = Object.entries(places).map(([place, { awaits }]) => `${place} (${MESSAGE[awaits]})`);
        return `| ${name} | ${all.join(', ')} |`;
      }),
  ]);
  expect(shown).toBe(generated);
});

test('the README’s example prints what it says', async () => {
  const { shown, printed } = await exampleOutput();
  expect(printed).toBe(shown);
});
