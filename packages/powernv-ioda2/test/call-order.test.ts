import { describe, expect, test } from 'vitest';
import {
  argsOf,
  bind,
  call,
  claim,
  create,
  createdIn,
  E0,
  functionsOf,
  kill,
  map,
  put,
  release,
  send,
  set,
  started,
  unset,
  windowed,
} from './machine.ts';

const SET = [
  'pnv_pci_ioda2_set_window',
  'opal_pci_map_pe_dma_window',
  'pnv_pci_link_table_and_group',
  'iommu_tce_table_get',
  'opal_pci_tce_kill',
];
const UNSET = [
  'pnv_pci_ioda2_unset_window',
  'opal_pci_map_pe_dma_window',
  'opal_pci_tce_kill',
  'pnv_pci_unlink_table_and_group',
  'iommu_tce_table_put',
];
const BYPASS = ['pnv_pci_ioda2_set_bypass', 'opal_pci_map_pe_dma_window_real'];
const DEFAULT = [
  'pnv_pci_ioda2_setup_default_config',
  'pnv_pci_table_alloc',
  'pnv_pci_ioda2_table_alloc_pages',
  'iommu_init_table',
  'pnv_pci_ioda2_tce_invalidate',
  ...SET,
  ...BYPASS,
];

describe('the functions of each call, in the order of the recording', () => {
  test('a claim of a group of two functions: the first one does it all', () => {
    const stepped = send(started(), claim());
    expect(functionsOf(stepped)).toEqual([
      'iommu_group_claim_dma_owner',
      'spapr_tce_blocked_iommu_attach_dev',
      'pnv_ioda2_take_ownership',
      ...BYPASS,
      ...UNSET,
      'iommu_tce_table_put',
      'pnv_pci_ioda2_table_free_pages',
      'spapr_tce_blocked_iommu_attach_dev',
      'pnv_ioda2_take_ownership',
    ]);
    expect(argsOf(stepped, 'pnv_ioda2_take_ownership', 't0', 't1', 'dev', 'devbase', 'devoff')).toEqual([
      't0=0x1 t1=0 dev=0001:01:00.0 devbase=0x1 devoff=0x800000000000000',
      't0=0 t1=0 dev=0001:01:00.1 devbase=0 devoff=0x800000000000000',
    ]);
    expect(
      argsOf(stepped, 'iommu_tce_table_put', 'off', 'size', 'shift', 'ind', 'lvlsz', 'alloc', 'kref'),
    ).toEqual([
      'off=0x0 size=0x10000 shift=0x10 ind=0x1 lvlsz=0x2000 alloc=0x0 kref=0x2',
      'off=0x0 size=0x10000 shift=0x10 ind=0x1 lvlsz=0x2000 alloc=0x0 kref=0x1',
    ]);
    expect(argsOf(stepped, 'opal_pci_map_pe_dma_window_real', 'phb', 'pe', 'tve', 'start', 'size')).toEqual([
      'phb=0x1 pe=0xfd tve=0x1fb start=0x800000000000000 size=0x0',
    ]);
    expect(
      argsOf(stepped, 'opal_pci_map_pe_dma_window', 'tve', 'levels', 'topLevelBytes', 'pageBytes'),
    ).toEqual(['tve=0x1fa levels=0x0 topLevelBytes=0x0 pageBytes=0x0']);
  });

  test('a create', () => {
    const stepped = send(started({}, claim()), create(0, 12, 0x8000_0000n, 1));
    expect(functionsOf(stepped)).toEqual([
      'pnv_pci_ioda2_create_table_userspace',
      'pnv_pci_table_alloc',
      'pnv_pci_ioda2_table_alloc_pages',
      'pnv_pci_ioda2_get_table_size',
    ]);
    expect(createdIn(stepped)).toMatchObject({ offset: 0n, size: 0x80000, allocatedBytes: 0x80_0000n });
  });

  test('a create that fails', () => {
    const stepped = send(started({}, claim()), create(0, 16, 0x40_0000_0000n, 1));
    expect(functionsOf(stepped)).toEqual([
      'pnv_pci_ioda2_create_table_userspace',
      'pnv_pci_table_alloc',
      'pnv_pci_ioda2_table_alloc_pages',
      'iommu_tce_table_put',
      'pnv_pci_ioda2_table_free_pages',
    ]);
    expect(
      argsOf(stepped, 'iommu_tce_table_put', 'off', 'size', 'shift', 'ind', 'lvlsz', 'alloc', 'kref'),
    ).toEqual(['off=0x0 size=0x0 shift=0x0 ind=0x0 lvlsz=0x0 alloc=0x0 kref=0x1']);
  });

  test('a window set', () => {
    const made = send(started({}, claim()), create(1, 16, 1n << 40n, 2));
    const stepped = send(made.host, set(1, createdIn(made).table));
    expect(functionsOf(stepped)).toEqual(SET);
    expect(
      argsOf(
        stepped,
        'pnv_pci_ioda2_set_window',
        't0',
        't1',
        'num',
        'off',
        'size',
        'ind',
        'lvlsz',
        'alloc',
        'kref',
      ),
    ).toEqual([
      't0=0 t1=0 num=0x1 off=0x80000000000 size=0x1000000 ind=0x1 lvlsz=0x2000 alloc=0x10020000 kref=0x1',
    ]);
    expect(
      argsOf(stepped, 'opal_pci_map_pe_dma_window', 'tve', 'levels', 'topLevelBytes', 'pageBytes'),
    ).toEqual(['tve=0x1fb levels=0x2 topLevelBytes=0x10000 pageBytes=0x10000']);
  });

  test('a window set and unset, and the table dropped', () => {
    const { host, table } = windowed(started({}, claim()), 0, 12, 0x8000_0000n, 1);
    const unsetting = send(host, unset(0));
    expect(functionsOf(unsetting)).toEqual(UNSET);
    expect(argsOf(unsetting, 'iommu_tce_table_put', 'kref')).toEqual(['kref=0x2']);
    expect(functionsOf(send(unsetting.host, put(table)))).toEqual([
      'iommu_tce_table_put',
      'pnv_pci_ioda2_table_free_pages',
    ]);
  });

  test('a release of a group of two functions', () => {
    const stepped = send(started({}, claim()), release());
    expect(functionsOf(stepped)).toEqual([
      'iommu_group_release_dma_owner',
      'spapr_tce_platform_iommu_attach_dev',
      'pnv_ioda2_release_ownership',
      ...DEFAULT,
      'spapr_tce_platform_iommu_attach_dev',
      'pnv_ioda2_release_ownership',
    ]);
    expect(argsOf(stepped, 'pnv_ioda2_release_ownership', 't0', 'devbase')).toEqual([
      't0=0 devbase=0',
      't0=0x1 devbase=0x1',
    ]);
    expect(argsOf(stepped, 'iommu_init_table', 'res_start', 'res_end', 'kref')).toEqual([
      'res_start=0x8000 res_end=0x10000 kref=0x1',
    ]);
    expect(argsOf(stepped, 'opal_pci_map_pe_dma_window_real', 'tve', 'size')).toEqual([
      'tve=0x1fb size=0x100000000',
    ]);
  });

  test('an invalidation is made once for every group that has the table, the last one to get it first', () => {
    const { host, table } = windowed(started({}, claim(), claim(1)), 0, 12, 0x8000_0000n, 1);
    const both = send(host, set(0, table, 1));
    expect(argsOf(both, 'pnv_pci_link_table_and_group', 'kref', 'tg')).toEqual(['kref=0x2 tg=0x1']);
    const killing = send(both.host, kill(table, 5, 3));
    expect(functionsOf(killing)).toEqual([
      'pnv_pci_ioda2_tce_invalidate',
      'opal_pci_tce_kill',
      'opal_pci_tce_kill',
    ]);
    expect(argsOf(killing, 'opal_pci_tce_kill', 'phb', 'start', 'pages')).toEqual([
      'phb=0x2 start=0x5000 pages=0x3',
      'phb=0x1 start=0x5000 pages=0x3',
    ]);
  });

  test('a claim that is refused stops before the platform', () => {
    const host = started({}, claim());
    expect(functionsOf(send(host, claim()))).toEqual(['iommu_group_claim_dma_owner']);
  });

  test('until linux-6.3 a group changes hands once, without its devices', () => {
    const host = started({ linux: 'linux-6.3' });
    const taken = send(host, call('take_ownership', { group: 0 }));
    expect(functionsOf(taken)).toEqual([
      'pnv_ioda2_take_ownership',
      ...BYPASS,
      ...UNSET,
      'iommu_tce_table_put',
      'pnv_pci_ioda2_table_free_pages',
    ]);
    const back = send(taken.host, call('release_ownership', { group: 0 }));
    expect(functionsOf(back)).toEqual(['pnv_ioda2_release_ownership', ...DEFAULT]);
    expect(back.host.context.devices[0]!.tableBase).toBe(back.host.context.groups[0]!.tables[0]);
  });
});

test('a function taken out of the host and found again', () => {
  const before = started();
  const removed = send(before, call('remove-device', { device: E0 }));
  expect(functionsOf(removed)).toEqual([
    ...UNSET,
    ...BYPASS,
    'iommu_tce_table_put',
    'pnv_pci_ioda2_table_free_pages',
  ]);
  const found = send(removed.host, call('rescan', { phb: 2 }));
  expect(functionsOf(found)).toEqual([...DEFAULT, 'spapr_tce_platform_iommu_attach_dev']);
  expect(argsOf(found, 'spapr_tce_platform_iommu_attach_dev', 'devbase', 'devoff')).toEqual([
    'devbase=0x2 devoff=0x800000000000000',
  ]);
  expect(found.host.context).toEqual(before.context);
});

test('a driver of the host that maps by its table base', () => {
  const binding = send(started(), bind());
  expect(functionsOf(binding)).toEqual([
    'iommu_device_use_default_domain',
    'pnv_pci_ioda_iommu_bypass_supported',
  ]);
  const mapping = send(binding.host, map(0x12_3456n, 0x2b0n));
  expect(functionsOf(mapping)).toEqual(['pnv_pci_ioda2_tce_invalidate', 'opal_pci_tce_kill']);
});
