import type {
  Device,
  HGetTce,
  HPutTce,
  HPutTceIndirect,
  HStuffTce,
  IbmCreatePeDmaWindow,
  IbmRemovePeDmaWindow,
  IbmResetPeDmaWindow,
  Liobn,
  MigratedTable,
  MigrationStream,
  Quiesce,
  TceCount,
  TceIndex,
} from '@spapr-dma/protocol';

/** The shape of a window, as `enable` is asked for it. */
export interface WindowShape {
  readonly pageShift: number;
  readonly busOffset: bigint;
  readonly nbTable: TceCount;
}

/** Entries that are not 0, in the order of their index: [first index, count, TCE]. */
export type EntryRuns = readonly (readonly [number, number, bigint])[];

/** Allocates a guest view: in KVM where that works, else in QEMU. Returns the fd, -1 for one in QEMU. */
export interface AllocTableFrame extends WindowShape {
  readonly fn: 'spapr_tce_alloc_table';
  readonly at: 'begin' | 'creatingKvmTable' | 'mappingKvmTable' | 'closingUnmappedTable';
  readonly liobn: Liobn;
  readonly needVfio: boolean;
  /** KVM is not asked. */
  readonly forceUserspace: boolean;
  /** KVM's table, once it is made. */
  readonly fd: number;
}
/** Gives KVM's table back; nothing for a view in QEMU. */
export interface FreeTableFrame {
  readonly fn: 'spapr_tce_free_table';
  readonly at: 'begin' | 'closingKvmTable';
  readonly fd: number;
}
/** Makes the window of a table that has none, and shows it to who listens. Returns '' or what went wrong. */
export interface EnableTableFrame extends WindowShape {
  readonly fn: 'spapr_tce_table_enable';
  readonly at: 'begin' | 'allocated' | 'shown';
  readonly liobn: Liobn;
}
/** Takes a window from who listens, and forgets its view. */
export interface DisableTableFrame {
  readonly fn: 'spapr_tce_table_disable';
  readonly at: 'begin' | 'hidden' | 'freed';
  readonly liobn: Liobn;
}
/**
 * Somebody begins to listen to a window, or the last one stops: the view may have to move.
 * `path` is who found out: the notifier itself, the command that adds a device, or a listener for which the view
 * has to be in QEMU.
 */
export interface SetNeedVfioFrame {
  readonly fn: 'spapr_tce_set_need_vfio';
  readonly at: 'begin' | 'pausingVcpus' | 'allocated' | 'copied' | 'written' | 'freed' | 'resumingVcpus';
  readonly liobn: Liobn;
  readonly needVfio: boolean;
  readonly path: 'notifier' | 'hotplug' | 'toQemu';
  /** The view that is left: its fd, and its entries where it is QEMU's own. */
  readonly oldFd: number;
  readonly oldRuns: EntryRuns;
}
/** Reads a whole view. Returns its entries as `EntryRuns`. */
export interface ReadViewFrame {
  readonly fn: 'read_view';
  readonly at: 'begin' | 'loadingEntry' | 'loadingView';
  readonly liobn: Liobn;
  /** From KVM even where the table points to a view of QEMU's already. */
  readonly fromKvm: boolean;
  readonly index: number;
  readonly runs: EntryRuns;
}
/** Stores runs of entries into a view. */
export interface WriteViewFrame {
  readonly fn: 'write_view';
  readonly at: 'begin' | 'storingEntries';
  readonly liobn: Liobn;
  /** What is still to be stored. */
  readonly runs: EntryRuns;
}

/** Writes one entry, and tells who listens. Returns a hypercall's status. */
export interface PutTceFrame {
  readonly fn: 'put_tce_emu';
  readonly at: 'begin' | 'bound' | 'storingEntry' | 'notified';
  readonly liobn: Liobn;
  readonly index: TceIndex;
  readonly tce: bigint;
}
export interface HPutTceFrame {
  readonly fn: 'h_put_tce';
  readonly at: 'begin' | 'put';
  readonly call: HPutTce;
}
export interface HPutTceIndirectFrame {
  readonly fn: 'h_put_tce_indirect';
  readonly at: 'begin' | 'put';
  readonly call: HPutTceIndirect;
  /** Entries done. */
  readonly done: number;
}
export interface HStuffTceFrame {
  readonly fn: 'h_stuff_tce';
  readonly at: 'begin' | 'put' | 'storingEntries';
  readonly call: HStuffTce;
  readonly done: number;
  /** Entries that the access under way covers. */
  readonly batch: number;
}
export interface HGetTceFrame {
  readonly fn: 'h_get_tce';
  readonly at: 'begin' | 'loadingEntry';
  readonly call: HGetTce;
}

/** Drops every window of a PHB and makes the default one. Returns '' or what went wrong. */
export interface PhbDmaResetFrame {
  readonly fn: 'spapr_phb_dma_reset';
  readonly at: 'begin' | 'enabled';
  readonly index: number;
}
export interface SystemResetFrame {
  readonly fn: 'spapr_machine_reset';
  readonly at: 'requested' | 'pausingVcpus' | 'begin' | 'phbReset' | 'zeroed' | 'viosReset' | 'resumingVcpus';
  /** Whether vCPUs in KVM are held meanwhile: in every reset but the first. */
  readonly holdsVcpus: boolean;
  /** PHBs that are still to be reset, in that order. */
  readonly phbs: readonly number[];
  /** Tables in KVM that are still to be zeroed. */
  readonly liobns: readonly Liobn[];
}
/** Puts VIO devices back. */
export interface VioResetFrame {
  readonly fn: 'spapr_vio_quiesce_one';
  readonly at: 'begin' | 'zeroed';
  /** Their addresses, in the order of QEMU's bus. */
  readonly regs: readonly number[];
}
export interface QuiesceFrame {
  readonly fn: 'rtas_quiesce';
  readonly at: 'begin' | 'viosReset';
  readonly call: Quiesce;
}
export interface CreateWindowFrame {
  readonly fn: 'rtas_ibm_create_pe_dma_window';
  readonly at: 'begin' | 'enabled' | 'showingWindow' | 'undone';
  readonly call: IbmCreatePeDmaWindow;
  /** The slot taken; 0 before. */
  readonly liobn: Liobn;
}
export interface RemoveWindowFrame {
  readonly fn: 'rtas_ibm_remove_pe_dma_window';
  readonly at: 'begin' | 'disabled' | 'reset';
  readonly call: IbmRemovePeDmaWindow;
  /** Whether the window was the default one. */
  readonly defWin: boolean;
}
export interface ResetWindowFrame {
  readonly fn: 'rtas_ibm_reset_pe_dma_window';
  readonly at: 'begin' | 'reset';
  readonly call: IbmResetPeDmaWindow;
}

/** A machine starts: KVM hears of its memory, its devices are realized. */
export interface QemuInitFrame {
  readonly fn: 'qemu_init';
  readonly at: 'starting' | 'addingMemslot' | 'enablingHcall' | 'addedDevice';
  /** Memory blocks that KVM has heard of. */
  readonly blocks: number;
  /** Hypercalls that KVM was asked to take. */
  readonly hcalls: number;
  readonly devices: readonly Device[];
}
/** Adds a device. Returns '' or what went wrong. */
export interface DeviceAddFrame {
  readonly fn: 'qdev_device_add';
  readonly at: 'begin' | 'phbReset' | 'vioEnabled' | 'registered' | 'addingMemslot' | 'connected' | 'synced';
  readonly device: Device;
  readonly plug: 'cold' | 'hot';
}
/** Memory goes. */
export interface MemoryDelFrame {
  readonly fn: 'pc_dimm_unplug';
  readonly at: 'begin' | 'removingMemslot' | 'removed' | 'unregistered';
  readonly gpa: bigint;
}
/** Somebody begins to listen to the windows of a PHB, some of which KVM holds. */
export interface RegisterNotifierFrame {
  readonly fn: 'memory_region_register_iommu_notifier';
  readonly at: 'begin' | 'noted' | 'read';
  readonly index: number;
  /** Windows that are still to be replayed. */
  readonly liobns: readonly Liobn[];
}
/** An RCU callback: what has left the machine is freed. */
export interface RcuFrame {
  readonly fn: 'call_rcu_thread';
  readonly at: 'begin' | 'freed';
}
/** A PHB asks anew whether a VFIO device is behind it, and moves its views. */
export interface SyncVfioFrame {
  readonly fn: 'spapr_phb_dma_capabilities_update';
  readonly at: 'begin' | 'moved';
  readonly index: number;
  readonly hasVfio: boolean;
  readonly liobns: readonly Liobn[];
}

export interface MigrateFrame {
  readonly fn: 'migrate';
  readonly at: 'begin' | 'read';
  /** Tables that are still to be saved, in their order. */
  readonly liobns: readonly Liobn[];
  readonly saved: readonly MigratedTable[];
}
export interface MigrateIncomingFrame {
  readonly fn: 'migrate_incoming';
  readonly at: 'begin' | 'loaded';
  readonly stream: MigrationStream;
  /** Tables loaded. */
  readonly done: number;
}
export interface PostLoadFrame {
  readonly fn: 'spapr_tce_table_post_load';
  readonly at: 'begin' | 'disabled' | 'enabled' | 'copied' | 'notified';
  readonly loaded: MigratedTable;
  readonly version: MigrationStream['version'];
  /** Entries there were before. */
  readonly preNb: number;
  /** Loaded entries that listeners are still to hear of. */
  readonly untold: EntryRuns;
}

export type QemuFrame =
  | AllocTableFrame
  | FreeTableFrame
  | EnableTableFrame
  | DisableTableFrame
  | SetNeedVfioFrame
  | ReadViewFrame
  | WriteViewFrame
  | PutTceFrame
  | HPutTceFrame
  | HPutTceIndirectFrame
  | HStuffTceFrame
  | HGetTceFrame
  | PhbDmaResetFrame
  | SystemResetFrame
  | VioResetFrame
  | QuiesceFrame
  | CreateWindowFrame
  | RemoveWindowFrame
  | ResetWindowFrame
  | QemuInitFrame
  | DeviceAddFrame
  | MemoryDelFrame
  | RegisterNotifierFrame
  | RcuFrame
  | SyncVfioFrame
  | MigrateFrame
  | MigrateIncomingFrame
  | PostLoadFrame;
