import {
  type Bytes,
  bytes,
  type Ioba,
  type IommuPageShift,
  ioba,
  iommuPageShift,
  type TceCount,
  tceCount,
} from './units.js';

/** Opcodes of the hypercalls, by name. @see [LoPAR] "Hypervisor Call Functions" */
export const HCALL_OPCODES = {
  H_GET_TCE: 0x1c,
  H_PUT_TCE: 0x20,
  H_STUFF_TCE: 0x138,
  H_PUT_TCE_INDIRECT: 0x13c,
  H_REG_CRQ: 0xfc,
  H_FREE_CRQ: 0x100,
  /** Private to QEMU and KVM: carries an RTAS call. */
  KVMPPC_H_RTAS: 0xf000,
} as const;

/** RTAS tokens as QEMU assigns them. @see [QEMU] include/hw/ppc/spapr.h */
export const RTAS_TOKENS = {
  'ibm,query-pe-dma-window': 0x2026,
  'ibm,create-pe-dma-window': 0x2027,
  'ibm,remove-pe-dma-window': 0x2028,
  'ibm,reset-pe-dma-window': 0x2029,
} as const;

/** Permission bits of a TCE: what the device may do. 0 means the entry is invalid. */
export const TCE_READ = 1n;
export const TCE_WRITE = 2n;
export const TCE_PERMISSIONS = 3n;

/** TCEs in one H_PUT_TCE_INDIRECT at most: its list is one 4 KiB page. */
export const INDIRECT_TCES_MAX = 512;
/** The list of H_PUT_TCE_INDIRECT starts on a 4 KiB boundary. */
export const INDIRECT_LIST_BYTES = 0x1000n;

/** DMA windows of a PHB of QEMU; one where dynamic windows are off. @see [QEMU] SPAPR_PCI_DMA_MAX_WINDOWS */
export const PHB_WINDOWS_MAX = 2;
/** Hardware tables of an IOMMU group. @see [Linux] IOMMU_TABLE_GROUP_MAX_TABLES */
export const GROUP_TABLES_MAX = 2;

export const DEFAULT_WINDOW_START: Ioba = ioba(0n);
export const DEFAULT_WINDOW_BYTES: Bytes = bytes(0x4000_0000n);
export const DEFAULT_WINDOW_PAGE_SHIFT: IommuPageShift = iommuPageShift(12);
/** Where dynamic windows start: 2^59, the bit that selects the second TVE. */
export const DYNAMIC_WINDOW_START: Ioba = ioba(1n << 59n);

/** Page sizes a PHB offers: bit n set for pages of 2^n bytes. pseries-4.2 and newer: 4K, 64K, 2M, 16M. */
export const PAGE_SIZE_MASK_DEFAULT = 0x121_1000n;
/** The same up to pseries-4.1: 4K and 64K. */
export const PAGE_SIZE_MASK_UP_TO_4_1 = 0x1_1000n;

/** Bits of the query's page size mask, which are not in order of size. @see [LoPAR] "ibm,query-pe-dma-window" */
export const QUERY_PAGE_SIZES: readonly { readonly shift: IommuPageShift; readonly bit: number }[] = [
  { shift: iommuPageShift(12), bit: 0x1 },
  { shift: iommuPageShift(16), bit: 0x2 },
  { shift: iommuPageShift(24), bit: 0x4 },
  { shift: iommuPageShift(25), bit: 0x8 },
  { shift: iommuPageShift(26), bit: 0x10 },
  { shift: iommuPageShift(27), bit: 0x20 },
  { shift: iommuPageShift(28), bit: 0x40 },
  { shift: iommuPageShift(34), bit: 0x80 },
  { shift: iommuPageShift(21), bit: 0x100 },
];

/** Largest window that the 5-output query promises, in TCEs. */
export const LARGEST_WINDOW_5_OUTPUTS: TceCount = tceCount(0x8000_0000);
/** Largest window that the 6-output query promises, in TCEs: 2^37. */
export const LARGEST_WINDOW_6_OUTPUTS: TceCount = tceCount(2 ** 37);

/** QEMU's PHB with index n has BUID 0x800000020000000 + n. */
export const PHB_BUID_BASE = 0x800_0000_2000_0000n;
/** Bit 31 of a LIOBN tells a PCI table from a VIO one. */
export const PCI_LIOBN_BIT = 0x8000_0000;
/** Message-signalled interrupts are written here; the IOMMU does not translate this range. */
export const MSI_WINDOW_START: Ioba = ioba(0x400_0000_0000n);
export const MSI_WINDOW_BYTES: Bytes = bytes(0x10000n);

/** The stall limit of a mainline guest kernel, in seconds: an RTAS call that lasts longer prints RCU warnings. */
export const GUEST_STALL_SECONDS = 21;

/** KVM's limits for a TCE table. @see spec 00 section 4 */
export const KVM_TABLE_PAGE_SHIFT_MIN = 12;
export const KVM_TABLE_PAGE_SHIFT_MAX = 34;
/** KVM capabilities by number. */
export const KVM_CAPS = {
  KVM_CAP_SPAPR_TCE: 63,
  KVM_CAP_PPC_SMT: 64,
  KVM_CAP_SPAPR_MULTITCE: 94,
  KVM_CAP_PPC_ENABLE_HCALL: 104,
  KVM_CAP_SPAPR_TCE_64: 125,
  KVM_CAP_PPC_HTM: 132,
  KVM_CAP_SPAPR_RESIZE_HPT: 133,
  KVM_CAP_PPC_MMU_RADIX: 134,
  KVM_CAP_PPC_MMU_HASH_V3: 135,
  KVM_CAP_SPAPR_TCE_VFIO: 142,
  KVM_CAP_PPC_NESTED_HV: 160,
} as const;
/** Attributes of the KVM-VFIO device's group. */
export const KVM_DEV_VFIO_GROUP_ATTRS = { ADD: 1, DEL: 2, SET_SPAPR_TCE: 3 } as const;
/** VFIO extensions by number. */
export const VFIO_EXTENSIONS = { SPAPR_TCE_IOMMU: 2, EEH: 5, SPAPR_TCE_v2_IOMMU: 7 } as const;
/** Numbers of the SPAPR ioctls, counted from VFIO_BASE. */
export const VFIO_IOCTLS = {
  VFIO_IOMMU_SPAPR_TCE_GET_INFO: 12,
  VFIO_IOMMU_MAP_DMA: 13,
  VFIO_IOMMU_UNMAP_DMA: 14,
  VFIO_IOMMU_ENABLE: 15,
  VFIO_IOMMU_DISABLE: 16,
  VFIO_IOMMU_SPAPR_REGISTER_MEMORY: 17,
  VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY: 18,
  VFIO_IOMMU_SPAPR_TCE_CREATE: 19,
  VFIO_IOMMU_SPAPR_TCE_REMOVE: 20,
  VFIO_EEH_PE_OP: 21,
} as const;
/** Levels of an IODA2 table. */
export const IODA2_LEVELS_DEFAULT = 2;
export const IODA2_LEVELS_MAX = 5;
/** Ends of the PHBs' outbound MMIO, which an IOBA never reaches. */
export const SPAPR_PCI_BASE = 1n << 45n;
export const SPAPR_PCI_LIMIT = 1n << 46n;
