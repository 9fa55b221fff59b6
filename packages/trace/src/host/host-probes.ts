/**
 * How an argument of a probe is printed: a pointer or a 64-bit value in hex, a number in decimal, a flag as 0 or 1.
 * A pointer is the identity of an object for as long as the object lives, and nothing else.
 */
export type ArgumentKind = 'pointer' | 'hex' | 'number' | 'flag';

interface Probe {
  /** The kernel's function that it is on. */
  readonly fn: string;
  readonly args: Readonly<Record<string, ArgumentKind>>;
}

/** What probes on a table show of it: `off` and `size` in IOMMU pages, `kref` before the call. */
const TABLE = {
  tbl: 'pointer',
  off: 'hex',
  size: 'hex',
  shift: 'number',
  ind: 'number',
  lvlsz: 'hex',
  kref: 'number',
} as const;
/** A group and its two tables. */
const TABLE_GROUP = { tg: 'pointer', t0: 'pointer', t1: 'pointer' } as const;
const DEVICE = { dev: 'pointer', devbase: 'pointer', devoff: 'hex' } as const;
const HCALL = { liobn: 'hex', ioba: 'hex' } as const;

/** The probes of a recorded host, by their names in the log. */
export const HOST_PROBES = {
  bypass: { fn: 'pnv_pci_ioda2_set_bypass', args: { pe: 'pointer', enable: 'flag' } },
  cgrp: { fn: 'tce_iommu_attach_group', args: {} },
  claim: { fn: 'iommu_group_claim_dma_owner', args: { group: 'pointer' } },
  copen: { fn: 'tce_iommu_open', args: {} },
  create: {
    fn: 'pnv_pci_ioda2_create_table_userspace',
    args: { ...TABLE_GROUP, num: 'number', shift: 'number', size: 'hex', levels: 'number' },
  },
  crel: { fn: 'tce_iommu_release', args: {} },
  defcfg: { fn: 'pnv_pci_ioda2_setup_default_config', args: { pe: 'pointer' } },
  dfclose: { fn: 'vfio_df_close', args: {} },
  dfopen: { fn: 'vfio_df_open', args: {} },
  dgrp: { fn: 'tce_iommu_detach_group', args: {} },
  hput: { fn: 'kvmppc_h_put_tce', args: { ...HCALL, tce: 'hex' } },
  hputi: { fn: 'kvmppc_h_put_tce_indirect', args: { ...HCALL, list: 'hex', npages: 'number' } },
  hstuff: { fn: 'kvmppc_h_stuff_tce', args: { ...HCALL, tce: 'hex', npages: 'number' } },
  ktce: {
    fn: 'kvm_vm_ioctl_create_spapr_tce',
    args: { liobn: 'hex', shift: 'hex', flags: 'hex', offset: 'hex', size: 'hex' },
  },
  ktcerel: { fn: 'kvm_spapr_tce_release', args: {} },
  kvfattach: { fn: 'kvm_spapr_tce_attach_iommu_group', args: { tablefd: 'number', grp: 'pointer' } },
  kvfrel: { fn: 'kvm_spapr_tce_release_iommu_group', args: { grp: 'pointer' } },
  /** In host pages; charges where `inc` is true. */
  lock: { fn: '__account_locked_vm', args: { pages: 'number', inc: 'flag' } },
  mmnew: { fn: 'mm_iommu_new', args: { ua: 'hex', entries: 'hex' } },
  mmput: {
    fn: 'mm_iommu_put',
    args: { mem: 'pointer', used: 'number', mapped: 'number', pageshift: 'number', entries: 'number' },
  },
  opalreal: {
    fn: 'opal_pci_map_pe_dma_window_real',
    args: { phb: 'hex', pe: 'number', win: 'number', start: 'hex', size: 'hex' },
  },
  opalwin: {
    fn: 'opal_pci_map_pe_dma_window',
    args: {
      phb: 'hex',
      pe: 'number',
      win: 'number',
      levels: 'number',
      addr: 'pointer',
      size: 'hex',
      pgsz: 'hex',
    },
  },
  release: { fn: 'pnv_ioda2_release_ownership', args: { ...TABLE_GROUP, ...DEVICE } },
  relown: { fn: 'iommu_group_release_dma_owner', args: { group: 'pointer' } },
  setwin: { fn: 'pnv_pci_ioda2_set_window', args: { ...TABLE_GROUP, num: 'number', ...TABLE } },
  take: { fn: 'pnv_ioda2_take_ownership', args: { ...TABLE_GROUP, ...DEVICE } },
  tfree: { fn: 'pnv_pci_ioda2_table_free_pages', args: { tbl: 'pointer' } },
  tget: { fn: 'iommu_tce_table_get', args: { tbl: 'pointer', kref: 'number' } },
  tput: { fn: 'iommu_tce_table_put', args: TABLE },
  unsetwin: { fn: 'pnv_pci_ioda2_unset_window', args: { ...TABLE_GROUP, num: 'number' } },
  /** An ioctl on a container: its number, and the first words of the argument block, some of them stale. */
  vioc: {
    fn: 'tce_iommu_ioctl',
    args: { cmd: 'hex', argsz: 'number', flags: 'hex', a: 'hex', b: 'hex', c: 'hex' },
  },
  vpdis: { fn: 'vfio_pci_core_disable', args: {} },
  vpen: { fn: 'vfio_pci_core_enable', args: {} },
} as const satisfies Readonly<Record<string, Probe>>;

export type HostProbe = keyof typeof HOST_PROBES;

/** Ioctls of a container by the low 16 bits of their number. @see [Linux] include/uapi/linux/vfio.h */
export const CONTAINER_IOCTLS: Readonly<Record<number, string>> = {
  15205: 'VFIO_CHECK_EXTENSION',
  15216: 'VFIO_IOMMU_SPAPR_TCE_GET_INFO',
  15217: 'VFIO_IOMMU_MAP_DMA',
  15218: 'VFIO_IOMMU_UNMAP_DMA',
  15219: 'VFIO_IOMMU_ENABLE',
  15220: 'VFIO_IOMMU_DISABLE',
  15221: 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY',
  15222: 'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY',
  15223: 'VFIO_IOMMU_SPAPR_TCE_CREATE',
  15224: 'VFIO_IOMMU_SPAPR_TCE_REMOVE',
  15225: 'VFIO_EEH_PE_OP',
};
