/**
 * Where guest kernels differ towards the platform. Each property is one difference; a preset is a full set of
 * values. Newest first in each comment. Captures are recorded logs, by their number.
 */
export interface GuestVersion {
  readonly name: string;
  /**
   * Entries in one H_STUFF_TCE at most: 512, or null for kernels that send the whole count at once (B-43).
   * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: tce_freemulti_pSeriesLP
   */
  readonly stuffTcesMax: number | null;
  /**
   * Which page size a dynamic window gets: the largest that the query offers, or only 16M, 64K, 4K in turn.
   * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: iommu_get_page_shift
   */
  readonly pageSize: 'largest' | '16M-64K-4K';
  /**
   * Whether a window too small for all RAM becomes a dynamically mapped one, or none at all.
   * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: enable_ddw
   */
  readonly smallWindow: 'dynamic' | 'failed';
  /** Whether the default window is given up where the query finds no window left. */
  readonly removesDefaultWindow: boolean;
  /** Whether 6 outputs are asked for where `ibm,ddw-extensions` promises them. */
  readonly sixOutputs: boolean;
  /**
   * Masks of 33 to 63 bits ask for a window in limited addressing mode, or never ask for one.
   * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: limited_dma_window
   */
  readonly limitedAddressing: boolean;
  /**
   * What bounds RAM: only the memory that can be hot-added, which is 0 without `maxmem`, or also the RAM
   * there is. Capture 20 shows the former: a window of shift 0 is asked for, and refused.
   * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: ddw_memory_hotplug_max
   */
  readonly maxRam: 'hotplug-only' | 'hotplug-or-dram';
  /**
   * Which window a PE's first table manages where the device tree has both: the dynamic one, which a kernel
   * started by kexec then clears, or the default one.
   * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: pci_dma_find
   */
  readonly firstTable: 'dynamic-window' | 'default-window';
  /**
   * How a window found in the device tree is used: always through a table, or directly where it spans all
   * RAM, with the TCEs that the old kernel left in it.
   * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: find_existing_ddw
   */
  readonly inheritedWindow: 'dynamic' | 'direct-if-large';
  /** Whether memory that comes and goes is mapped in direct windows only, or in all dynamic windows. */
  readonly memoryNotifier: 'direct-windows' | 'all-windows';
  /**
   * Whether the first device of a PE queries its windows when it is set up, before any driver.
   * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: spapr_tce_init_table_group
   */
  readonly queriesAtSetup: boolean;
  /** Whether VFIO inside the guest can create and remove windows. */
  readonly guestVfio: boolean;
  /** The slot of the group that a dynamic table takes once the default window was removed. */
  readonly dynamicTableSlot: 'first-if-default-removed' | 'second';
  /**
   * Unit in which the 32-bit MMIO range is kept free in a dynamic window's table: IOMMU pages, or bytes taken
   * for pages, which keeps nothing free.
   */
  readonly mmio32Hole: 'pages' | 'bytes';
}

/**
 * Debian 13's and 12's backported kernel, as recorded.
 * @see [Linux] 6.12 arch/powerpc/platforms/pseries/iommu.c
 */
export const LINUX_6_12: GuestVersion = {
  name: 'linux-6.12',
  stuffTcesMax: 512,
  pageSize: 'largest',
  smallWindow: 'dynamic',
  removesDefaultWindow: true,
  sixOutputs: true,
  limitedAddressing: true, // Since 6.12's stable series; capture 20's kernel has it.
  maxRam: 'hotplug-only', // Capture 20.
  firstTable: 'dynamic-window', // Since 6.9; capture 12.
  inheritedWindow: 'dynamic', // Since 6.10; capture 12.
  memoryNotifier: 'direct-windows',
  queriesAtSetup: true, // Since 6.11; captures 01, 02, 11.
  guestVfio: true, // Since 6.11; capture 22.
  dynamicTableSlot: 'first-if-default-removed',
  mmio32Hole: 'pages',
};

/** Debian 12's kernel, a stable release with later fixes. @see [Linux] 6.1 arch/powerpc/platforms/pseries/iommu.c */
export const LINUX_6_1: GuestVersion = {
  ...LINUX_6_12,
  name: 'linux-6.1',
  stuffTcesMax: 512, // Fixed in 6.6 and carried back; captures 10c and 19.
  limitedAddressing: false,
  maxRam: 'hotplug-or-dram', // Capture 19: shift 31 without maxmem.
  firstTable: 'default-window',
  inheritedWindow: 'direct-if-large',
  memoryNotifier: 'all-windows',
  queriesAtSetup: false, // Capture 19: one query.
  guestVfio: false,
  dynamicTableSlot: 'second',
  mmio32Hole: 'bytes',
};

/** The first series that gives up the default window. @see [Linux] 5.10 arch/powerpc/platforms/pseries/iommu.c */
export const LINUX_5_10: GuestVersion = {
  ...LINUX_6_1,
  name: 'linux-5.10',
  stuffTcesMax: null, // Until 6.6.
  pageSize: '16M-64K-4K', // Until 5.16 (spec 10 section 4).
  smallWindow: 'failed', // Until 5.15.
};

/** The series of the founding documents. @see [Linux] 4.18 arch/powerpc/platforms/pseries/iommu.c */
export const LINUX_4_18: GuestVersion = {
  ...LINUX_5_10,
  name: 'linux-4.18',
  removesDefaultWindow: false, // Until 5.10.
  sixOutputs: false, // Until 5.10.
};

/** Every version there is a preset for, by name. */
export const GUEST_VERSIONS = {
  'linux-6.12': LINUX_6_12,
  'linux-6.1': LINUX_6_1,
  'linux-5.10': LINUX_5_10,
  'linux-4.18': LINUX_4_18,
} as const satisfies Readonly<Record<string, GuestVersion>>;
export type GuestVersionName = keyof typeof GUEST_VERSIONS;
