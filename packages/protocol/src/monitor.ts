import type { Call, Message } from './message.js';
import type { GroupId, HostDeviceId } from './powernv-messages.js';
import type { Bytes, Gpa, Ioba, Liobn, TceCount } from './units.js';

/** Properties of a `spapr-pci-host-bridge`. @see [QEMU] hw/ppc/spapr_pci.c: spapr_phb_properties */
export interface PhbProperties {
  readonly index: number;
  /** Page sizes offered to the guest: bit n for pages of 2^n bytes. */
  readonly pgsz: bigint;
  readonly dmaWinAddr: Ioba;
  readonly dmaWinSize: Bytes;
  readonly dma64WinAddr: Ioba;
  readonly ddw: boolean;
}

/** A PHB to plug. What is left out has QEMU's default for the machine version. */
export type PhbDevice = { readonly driver: 'spapr-pci-host-bridge'; readonly index: number } & Partial<
  Omit<PhbProperties, 'index'>
>;

/** A VIO device with a TCE table of its own: its LIOBN is its `reg`. @see [QEMU] hw/ppc/spapr_vio.c */
export interface VioDevice {
  readonly driver: 'spapr-vscsi' | 'spapr-vlan' | 'spapr-vty' | 'spapr-nvram';
  readonly reg: number;
  /** Bytes its DMA window spans; 0 for a device that does no DMA. */
  readonly rtceWindowBytes: Bytes;
}

/** A PCI function behind a PHB. */
export interface PciDevice {
  readonly driver: 'pci';
  readonly id: string;
  readonly phb: number;
  /** Slot and function as one number: slot << 3 | function. */
  readonly devfn: number;
}

/** A function of the host, passed through to the guest. */
export interface VfioPciDevice {
  readonly driver: 'vfio-pci';
  readonly id: string;
  readonly phb: number;
  readonly devfn: number;
  readonly host: HostDeviceId;
  /** Its IOMMU group: the number in `/dev/vfio/N`. */
  readonly group: GroupId;
}

/** Memory that is plugged into a running guest. */
export interface MemoryDevice {
  readonly driver: 'pc-dimm';
  readonly gpa: Gpa;
  readonly bytes: Bytes;
  /** Whether it is one block with the memory right before it, so that listeners to memory see one section. */
  readonly joins?: boolean;
}

export type Device = PhbDevice | VioDevice | PciDevice | VfioPciDevice | MemoryDevice;

/** Monitor command: adds a device. Before the first reset this is the command line's `-device`. */
export interface DeviceAdd extends Message<'device_add', 'environment', 'qemu-spapr'> {
  readonly device: Device;
}
/** Monitor command: asks the guest to give a device up. */
export interface DeviceDel extends Message<'device_del', 'environment', 'qemu-spapr'> {
  readonly target:
    | { readonly kind: 'phb'; readonly index: number }
    | { readonly kind: 'pci'; readonly id: string }
    | { readonly kind: 'memory'; readonly gpa: Gpa };
}
/** Machine reset: by the monitor, or because the guest rebooted. The first one starts the machine. */
export type SystemReset = Message<'system_reset', 'environment', 'qemu-spapr'>;
/** Monitor commands that hold and release the vCPUs. */
export type Stop = Message<'stop', 'environment', 'qemu-spapr'>;
export type Cont = Message<'cont', 'environment', 'qemu-spapr'>;
/** Ends QEMU without a word to the guest; the kernel closes what it had open. */
export type Quit = Message<'quit', 'environment', 'qemu-spapr'>;
/** The kernel ends QEMU wherever its threads are; system calls that are under way end, and nobody hears of it. */
export type Kill = Message<'kill', 'environment', 'qemu-spapr'>;
/** Writes the machine's state into a stream; the vCPUs stand still from here on. */
export type Migrate = Message<'migrate', 'environment', 'qemu-spapr'>;
/** Loads a stream into a machine that was started with `-incoming`. */
export interface MigrateIncoming extends Message<'migrate-incoming', 'environment', 'qemu-spapr'> {
  readonly stream: MigrationStream;
}

/** What the stream holds of one TCE table. @see [QEMU] hw/ppc/spapr_iommu.c: vmstate_spapr_tce_table */
export interface MigratedTable {
  readonly liobn: Liobn;
  readonly nbTable: TceCount;
  readonly busOffset: bigint;
  readonly pageShift: number;
  readonly bypass: boolean;
  readonly defWin: boolean;
  /** Entries that are not 0, in order, as runs: [first index, count, TCE]. */
  readonly runs: readonly (readonly [number, number, bigint])[];
}
/** What the stream holds of a PHB: which one it is, by the number of its section. @see [QEMU] hw/ppc/spapr_pci.c: vmstate_spapr_pci */
export interface MigratedPhb {
  readonly section: number;
  readonly index: number;
}
/** What the stream holds of a connector that is not ready, or waits for an unplug. @see [QEMU] hw/ppc/spapr_drc.c: vmstate_spapr_drc */
export interface MigratedDrc {
  readonly index: number;
  readonly mode: 'unusable' | 'available' | 'unisolate' | 'configured' | 'poweron';
  readonly unplugRequested: boolean;
}
export interface MigrationStream {
  readonly version: 2 | 3;
  /** In the order of their sections. */
  readonly phbs: readonly MigratedPhb[];
  readonly drcs: readonly MigratedDrc[];
  readonly tables: readonly MigratedTable[];
}

/** How a monitor command or a migration ended. */
export interface MonitorReturn extends Message<'monitor-return', 'qemu-spapr', 'environment'> {
  readonly command: string;
  readonly ok: boolean;
  /** Why it was refused; empty where it was not. */
  readonly error: string;
  readonly stream: MigrationStream | null;
}

/** Tells the guest that a device came, or that one shall go. @see [LoPAR] "Hot Plug Events" */
export interface HotplugEvent extends Message<'hotplug-event', 'qemu-spapr', 'guest-kernel'> {
  readonly action: 'add' | 'remove';
  readonly resource: 'phb' | 'pci' | 'memory';
  /** The connector of a PHB or a PCI slot; 0 for memory. */
  readonly drcIndex: number;
  /** The memory that came; null for other resources. */
  readonly memory: { readonly gpa: Gpa; readonly bytes: Bytes } | null;
}

/**
 * Something that wants to hear of every change of a PHB's windows registers with its address space, and
 * is replayed to. VFIO's container listener is one; a device model with a cache of its own is another.
 * @see [QEMU] include/exec/memory.h: memory_region_register_iommu_notifier
 */
export interface RegisterIommuNotifier
  extends Message<'register-iommu-notifier', 'environment', 'qemu-spapr'> {
  readonly phb: number;
}
export interface UnregisterIommuNotifier
  extends Message<'unregister-iommu-notifier', 'environment', 'qemu-spapr'> {
  readonly phb: number;
}
/** What a notifier is told of one entry, and what a replay tells it of each mapped one. */
export interface IommuNotify extends Message<'iommu-notify', 'qemu-spapr', 'environment'> {
  readonly phb: number;
  readonly kind: 'MAP' | 'UNMAP';
  /** Relative to the start of the window. */
  readonly iova: bigint;
  readonly translated: bigint;
  readonly addrMask: bigint;
  readonly perm: number;
}
/** A complaint on QEMU's standard error. Nobody who runs in the guest hears of it. */
export interface ErrorReport extends Message<'error-report', 'qemu-spapr', 'environment'> {
  readonly text: string;
}
/** QEMU is gone: a failed assertion, or a hardware error that it does not survive. */
export interface QemuAborted extends Message<'qemu-aborted', 'qemu-spapr', 'environment'> {
  readonly assertion: string;
}

/** An emulated device's access to guest memory through its PHB's, or its own, TCE table. */
export interface DeviceDma extends Call<'device-dma', 'environment', 'qemu-spapr'> {
  /** The PHB the device sits on, or the LIOBN of a VIO device. */
  readonly target:
    | { readonly kind: 'phb'; readonly index: number }
    | { readonly kind: 'vio'; readonly liobn: Liobn };
  readonly ioba: Ioba;
  readonly bytes: number;
  readonly access: 'read' | 'write';
}

/** What became of one piece of a transfer. Pages that follow each other in memory too are one piece. */
export interface DmaPiece {
  readonly ioba: Ioba;
  readonly bytes: number;
  /** Guest physical address where the piece landed; null where nothing did. */
  readonly gpa: bigint | null;
  /** `ram`: done. `zeros`: a read that got zeros. `dropped`: a write that changed nothing. */
  readonly outcome: 'ram' | 'zeros' | 'dropped';
}
export interface DmaDone extends Call<'dma-done', 'qemu-spapr', 'environment'> {
  readonly pieces: readonly DmaPiece[];
}
