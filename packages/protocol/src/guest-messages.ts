import type { Errno } from './codes.js';
import type { Call, Message } from './message.js';
import type { Buid, Bytes, Gpa, Ioba, IommuPageShift, Liobn } from './units.js';

/**
 * What the environment asks of the guest kernel, and what the guest kernel tells it. These stand for the
 * administrator's commands, the drivers' calls into the DMA API and the kernel's log; none of them is an
 * interface of the platform.
 */
type ToGuest<Type extends string> = Call<Type, 'environment', 'guest-kernel'>;
type Report<Type extends string> = Call<Type, 'guest-kernel', 'environment'>;

/** A default DMA window as `ibm,dma-window` gives it. @see [LoPAR] "ibm,dma-window" */
export interface DmaWindowProperty {
  readonly liobn: Liobn;
  readonly start: Ioba;
  readonly bytes: Bytes;
}

/**
 * What `linux,direct64-ddr-window-info` and `linux,dma64-ddr-window-info` hold of a dynamic window.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: struct dynamic_dma_window_prop
 */
export interface DynamicDmaWindowProperty {
  readonly liobn: Liobn;
  readonly dmaBase: Ioba;
  readonly tceShift: number;
  readonly windowShift: number;
}

/** A PCI function in the guest's device tree. */
export interface PciNode {
  readonly id: string;
  readonly busno: number;
  /** Slot and function as one number: slot << 3 | function. */
  readonly devfn: number;
}

/** A PHB in the guest's device tree. QEMU puts the window properties here, so a guest PHB is one PE. */
export interface PhbNode {
  readonly buid: Buid;
  /** The PHB's connector, by which it is plugged and unplugged. */
  readonly drcIndex: number;
  /** `ibm,dma-window`; null where firmware gives none. */
  readonly dmaWindow: DmaWindowProperty | null;
  /** `ibm,ddw-applicable`: tokens of query, create and remove; null where windows are fixed. */
  readonly ddwApplicable: readonly [query: number, create: number, remove: number] | null;
  /** `ibm,ddw-extensions`: a count, then the extensions; null without the property. */
  readonly ddwExtensions: readonly number[] | null;
  /** The PHB's 32-bit MMIO range, which IOBAs in a low window must keep clear of; null without one. */
  readonly mmio32: { readonly start: bigint; readonly end: bigint } | null;
  readonly devices: readonly PciNode[];
}

/** A VIO device in the guest's device tree; its window is `ibm,my-dma-window`. */
export interface VioNode {
  readonly id: string;
  readonly dmaWindow: DmaWindowProperty;
}

/** RAM as the guest finds it. */
export interface GuestMemory {
  /** RAM that is there from the start, in order. */
  readonly ranges: readonly { readonly gpa: Gpa; readonly bytes: Bytes }[];
  /** End of the memory that can be hot-added (`ibm,dynamic-memory`); null without `maxmem`. */
  readonly hotplugMax: Gpa | null;
  /** Whether the tree has an `ibm,pmemory` node. */
  readonly pmemory: boolean;
}

/** What firmware hands to the kernel. */
export interface GuestPlatform {
  readonly memory: GuestMemory;
  readonly phbs: readonly PhbNode[];
  readonly vio: readonly VioNode[];
  /** `hcall-multi-tce` in `ibm,hypertas-functions`. */
  readonly multiTce: boolean;
}

/** Boot options of the kernel that matter here. */
export interface GuestBootArgs {
  /** `multitce=off` */
  readonly multitceOff: boolean;
  /** `disable_ddw` */
  readonly disableDdw: boolean;
}

/** One H_PUT_TCE of firmware; a TCE of 0 takes a mapping away. */
export interface FirmwarePut {
  readonly liobn: Liobn;
  readonly ioba: Ioba;
  readonly tce: bigint;
}

/**
 * Starts the guest: firmware runs its own maps and unmaps, calls `quiesce`, and starts the kernel, whose boot
 * CPU is the thread named.
 */
export interface PowerOn extends ToGuest<'power-on'> {
  readonly platform: GuestPlatform;
  readonly bootArgs: GuestBootArgs;
  readonly firmware: readonly FirmwarePut[];
}
/** The machine was reset: all guest state is lost, and the guest stands still until it is powered on. */
export type MachineReset = Message<'machine-reset', 'environment', 'guest-kernel'>;

/** A driver takes a device and sets its DMA mask. */
export interface Probe extends ToGuest<'probe'> {
  readonly device: string;
  /** All ones below the number of bits the device can drive. */
  readonly dmaMask: bigint;
}
/** The driver lets the device go; it has unmapped what it wanted unmapped. */
export interface Unbind extends ToGuest<'unbind'> {
  readonly device: string;
}

/** Who moves the data, seen from memory. @see [Linux] include/linux/dma-direction.h */
export type DmaDirection = 'DMA_BIDIRECTIONAL' | 'DMA_TO_DEVICE' | 'DMA_FROM_DEVICE';

/** A driver maps one buffer: `page` for streaming DMA, `coherent` for memory that stays mapped. */
export interface DmaMap extends ToGuest<'dma_map'> {
  readonly device: string;
  readonly kind: 'page' | 'coherent';
  readonly gpa: Gpa;
  readonly bytes: Bytes;
  readonly direction: DmaDirection;
}
/** A driver maps a list of buffers in one go. */
export interface DmaMapSg extends ToGuest<'dma_map_sg'> {
  readonly device: string;
  readonly segments: readonly { readonly gpa: Gpa; readonly bytes: Bytes }[];
  readonly direction: DmaDirection;
}
/** A driver gives one mapping back. */
export interface DmaUnmap extends ToGuest<'dma_unmap'> {
  readonly device: string;
  readonly dmaAddress: Ioba;
  readonly bytes: Bytes;
}

/** Memory that came by hotplug is put to use, and taken out of use again. */
export interface OnlineMemory extends ToGuest<'online-memory'> {
  readonly gpa: Gpa;
  readonly bytes: Bytes;
}
export interface OfflineMemory extends ToGuest<'offline-memory'> {
  readonly gpa: Gpa;
  readonly bytes: Bytes;
}

/**
 * The administrator's tool (`drmgr`) takes a plugged PHB or device into use, or gives it up. What
 * `ibm,configure-connector` would put into its work area comes with the command.
 */
export interface DlparAddPhb extends ToGuest<'dlpar-add-phb'> {
  readonly node: PhbNode;
}
export interface DlparAddDevice extends ToGuest<'dlpar-add-device'> {
  readonly buid: Buid;
  readonly drcIndex: number;
  readonly node: PciNode;
}
export interface DlparRemovePhb extends ToGuest<'dlpar-remove-phb'> {
  readonly buid: Buid;
}
export interface DlparRemoveDevice extends ToGuest<'dlpar-remove-device'> {
  readonly drcIndex: number;
  readonly device: string;
}

/**
 * Another kernel starts on the same machine: nothing is reset. `kdump` is a kernel that starts after a crash
 * and keeps what the first one had mapped.
 */
export interface Kexec extends ToGuest<'kexec'> {
  readonly kdump: boolean;
  readonly bootArgs: GuestBootArgs;
}

/** VFIO inside the guest: calls into the table group of a PHB. @see [Linux] struct iommu_table_group_ops */
interface GuestVfio<Type extends string> extends ToGuest<Type> {
  readonly buid: Buid;
}
export type GuestVfioTakeOwnership = GuestVfio<'vfio-take-ownership'>;
export type GuestVfioReleaseOwnership = GuestVfio<'vfio-release-ownership'>;
export interface GuestVfioCreateTable extends GuestVfio<'vfio-create-table'> {
  readonly num: 0 | 1;
  readonly pageShift: IommuPageShift;
  readonly windowBytes: Bytes;
  readonly levels: number;
}
export interface GuestVfioSetWindow extends GuestVfio<'vfio-set-window'> {
  readonly num: 0 | 1;
  /** The window whose table is offered; the call only checks that it is `num`'s. */
  readonly table: 0 | 1;
}
export interface GuestVfioUnsetWindow extends GuestVfio<'vfio-unset-window'> {
  readonly num: 0 | 1;
}
/** Maps for a VFIO user: each page is exchanged, one at a time. */
export interface GuestVfioMap extends GuestVfio<'vfio-map'> {
  readonly num: 0 | 1;
  readonly ioba: Ioba;
  readonly gpa: Gpa;
  readonly bytes: Bytes;
  readonly direction: DmaDirection;
}
export interface GuestVfioUnmap extends GuestVfio<'vfio-unmap'> {
  readonly num: 0 | 1;
  readonly ioba: Ioba;
  readonly bytes: Bytes;
}
export type GuestVfioCommand =
  | GuestVfioTakeOwnership
  | GuestVfioReleaseOwnership
  | GuestVfioCreateTable
  | GuestVfioSetWindow
  | GuestVfioUnsetWindow
  | GuestVfioMap
  | GuestVfioUnmap;

/** Commands that an idle vCPU takes. */
export type GuestCommand =
  | Probe
  | Unbind
  | DmaMap
  | DmaMapSg
  | DmaUnmap
  | OnlineMemory
  | OfflineMemory
  | DlparAddPhb
  | DlparAddDevice
  | DlparRemovePhb
  | DlparRemoveDevice
  | Kexec
  | GuestVfioCommand;

/** The kernel is up, and drivers can be probed. */
export interface Booted extends Report<'booted'> {
  readonly kernel: 'first' | 'kexec' | 'kdump';
}
/**
 * How a device does DMA now: `direct` adds `dmaOffset` to a guest physical address and makes no hypercall;
 * `dynamic` maps through the table of `liobn`; `refused` means that the driver's probe fails.
 */
export interface Probed extends Report<'probed'> {
  readonly device: string;
  readonly outcome: 'direct' | 'dynamic' | 'refused';
  readonly dmaOffset: Ioba | null;
  readonly liobn: Liobn | null;
}
export interface Unbound extends Report<'unbound'> {
  readonly device: string;
}
/**
 * Where the device finds the buffers; null for DMA_MAPPING_ERROR. Buffers of a list that came to lie side by
 * side may be one segment; each segment is unmapped as a whole.
 */
export interface Mapped extends Report<'mapped'> {
  readonly device: string;
  readonly segments: readonly { readonly dmaAddress: Ioba; readonly bytes: Bytes }[] | null;
}
export interface Unmapped extends Report<'unmapped'> {
  readonly device: string;
  readonly dmaAddress: Ioba;
}
/** NOTIFY_BAD leaves the memory as it was. */
export interface MemoryNotified extends Report<'memory-notified'> {
  readonly action: 'MEM_GOING_ONLINE' | 'MEM_OFFLINE';
  readonly gpa: Gpa;
  readonly result: 'NOTIFY_OK' | 'NOTIFY_BAD';
}
/** How a command of `drmgr` ended. */
export interface DlparDone extends Report<'dlpar-done'> {
  readonly command: (DlparAddPhb | DlparAddDevice | DlparRemovePhb | DlparRemoveDevice)['type'];
  readonly ok: boolean;
}
/** What a call of VFIO returned; `start` is where a new table's window lies. */
export interface GuestVfioReturn extends Report<'guest-vfio-return'> {
  readonly command: GuestVfioCommand['type'];
  readonly result: 0 | Errno;
  readonly start: Ioba | null;
}
/** A line of the kernel's log that somebody debugging DMA would look for. */
export interface Printk extends Report<'printk'> {
  readonly text: string;
}
export type GuestReport =
  | Booted
  | Probed
  | Unbound
  | Mapped
  | Unmapped
  | MemoryNotified
  | DlparDone
  | GuestVfioReturn
  | Printk;
