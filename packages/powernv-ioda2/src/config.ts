import { type Bytes, bytes, type HostPageShift, hostPageShift } from '@spapr-dma/protocol';

/** Behaviours that a preset turns on and off; the unfixed value stands first. @see spec 60 section C */
export interface PowernvSwitches {
  /** B-10: when does the table base of a bus's devices follow the tables of their group? */
  readonly tableBaseUpdate: 'none' | 'releaseOnly' | 'takeAndRelease';
  /** B-50: is a window that the firmware does not take away kept, with its table? */
  readonly unsetFailure: 'unfixed' | 'fixed';
  /** B-51: is a group whose bypass cannot be turned off kept from VFIO? */
  readonly bypassOffFailure: 'unfixed' | 'fixed';
  /** Does invalidating no page end at once on a PHB3? */
  readonly killZeroPages: 'unfixed' | 'fixed';
}

/** What a version of Linux has or lacks; no bug, but a difference that shows. @see spec 00 section 6, spec 50 */
export interface PowernvFeatures {
  /** When the levels of a hardware table below the top are allocated: at first use since linux-4.20. */
  readonly levels: 'eager' | 'onDemand';
  /** Whether invalidation is a call of its own, once for a range: since linux-5.4. Before, each exchange makes it. */
  readonly killSplit: boolean;
  /** The host's own window: as large as a table can be, in pages of the host, since linux-5.3; before, below 4 GiB. */
  readonly defaultWindow: 'below4G' | 'large';
  /** Whether a group changes hands once, or by each of its devices: since linux-6.4. */
  readonly groupDevices: 'perGroup' | 'perDevice';
  /** Copies of a table that are charged: the userspace view too since linux-4.20. */
  readonly chargedCopies: 1 | 2;
  /** `it_allocated_size`: what was allocated at first for the hardware, or since linux-5.0 what was charged. */
  readonly allocatedSize: 'allocated' | 'charged';
}

/** A kernel of a powernv host, with what it was configured and started with. */
export interface PowernvConfig {
  readonly hostPageShift: HostPageShift;
  /** All memory of the host. The bypass window covers it, rounded up to a power of two. */
  readonly ramBytes: Bytes;
  /** Whether the host was started with `iommu=nobypass`. */
  readonly nobypass: boolean;
  /** Whether a PE refuses everything after an access that was refused, as hardware does. QEMU's PHB4 does not. */
  readonly freezesOnFault: boolean;
  readonly switches: PowernvSwitches;
  readonly features: PowernvFeatures;
}

export type LinuxName = `linux-${number}.${number}`;

/** Whether a version is this one or a newer one. */
export function isSince(linux: LinuxName, major: number, minor: number): boolean {
  const [, ours = 0, our = 0] = /^linux-(\d+)\.(\d+)$/.exec(linux)?.map(Number) ?? [];
  return ours > major || (ours === major && our >= minor);
}

/** The versions whose differences are described; any other name goes by the newest of these that is not newer. */
export const LINUX_NAMES = [
  'linux-4.2',
  'linux-4.4',
  'linux-4.10',
  'linux-4.12',
  'linux-4.18',
  'linux-4.20',
  'linux-5.0',
  'linux-5.3',
  'linux-5.4',
  'linux-6.1',
  'linux-6.3',
  'linux-6.4',
  'linux-6.12',
  'linux-7.2',
] as const satisfies readonly LinuxName[];

/** What a version of Linux does. */
export const featuresOf = (linux: LinuxName): PowernvFeatures => ({
  levels: isSince(linux, 4, 20) ? 'onDemand' : 'eager',
  killSplit: isSince(linux, 5, 4),
  defaultWindow: isSince(linux, 5, 3) ? 'large' : 'below4G',
  groupDevices: isSince(linux, 6, 4) ? 'perDevice' : 'perGroup',
  chargedCopies: isSince(linux, 4, 20) ? 2 : 1,
  allocatedSize: isSince(linux, 5, 0) ? 'charged' : 'allocated',
});

/** Which defects a version of Linux has. */
export const switchesOf = (linux: LinuxName): PowernvSwitches => ({
  tableBaseUpdate: isSince(linux, 4, 12) ? 'takeAndRelease' : 'none',
  unsetFailure: 'unfixed',
  bypassOffFailure: 'unfixed',
  killZeroPages: 'unfixed',
});

/** A host with 64 KiB pages and 4 GiB of memory under a version of Linux. */
export const powernvConfigOf = (linux: LinuxName): PowernvConfig => ({
  hostPageShift: hostPageShift(16),
  ramBytes: bytes(0x1_0000_0000n),
  nobypass: false,
  freezesOnFault: true,
  switches: switchesOf(linux),
  features: featuresOf(linux),
});

/** Linux 6.12, the kernel of the recordings. */
export const LINUX_6_12: PowernvConfig = powernvConfigOf('linux-6.12');

/** POWER8, POWER9 and POWER10 bridges. */
export type PhbGeneration = 'PHB3' | 'PHB4' | 'PHB5';

/** Pages that a PHB's windows may have: bit n set for pages of 2^n bytes. @see spec 50 section 1.4 */
export const PHB_PGSIZES: Readonly<Record<PhbGeneration, bigint>> = {
  PHB3: 0x1101_1000n,
  PHB4: 0x4021_1000n,
  PHB5: 0x4021_1000n,
};

/** Where the 32-bit MMIO of a PHB starts, and so where DMA below 4 GiB ends. */
export const M32_BASE: Bytes = bytes(0x8000_0000n);

/** The largest block that the kernel's allocator gives out. @see [Linux] include/linux/mmzone.h: MAX_PAGE_ORDER */
export const MAX_BLOCK_BYTES: Bytes = bytes(0x100_0000n);

/** log2 of the address that tells the second window from the first, and where the bypass window starts. */
export const BYPASS_SHIFT = 59n;
export const BYPASS_BASE = 1n << BYPASS_SHIFT;
