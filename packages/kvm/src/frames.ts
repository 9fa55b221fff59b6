import type {
  Errno,
  Fd,
  GroupId,
  HardwareRun,
  Hcall,
  HcallCode,
  HPutTce,
  HPutTceIndirect,
  Hpa,
  HStuffTce,
  IommuTableFacts,
  KvmCall,
  RtasCall,
  Ua,
  UserspaceRun,
} from '@spapr-dma/protocol';

/** A hypercall, from when it enters the kernel until it leaves. `real` while its real-mode handler runs. */
export interface HcallFrame {
  readonly fn: 'hcall';
  readonly call: Hcall | RtasCall;
  readonly real: boolean;
}

/** What the three handlers that write have in common: where they are, as data. */
interface Handler<Fn extends string, Call> {
  readonly fn: Fn;
  readonly call: Call;
  readonly real: boolean;
  /** The table found, and the hardware tables it had then; one that goes meanwhile is left out. */
  readonly stt: number;
  readonly tables: readonly IommuTableFacts[];
  /** The first entry in the guest view. */
  readonly entry: number;
}
export interface PutFrame extends Handler<'kvmppc_h_put_tce', HPutTce> {
  readonly at: 'begin' | 'validating' | 'mapping' | 'clearing';
  /** Which of the tables is being written. */
  readonly table: number;
  /** Where the page is in QEMU's memory; null for one that is not mapped. */
  readonly ua: Ua | null;
  /** Why an entry is wiped. */
  readonly failed: HcallCode;
}
export interface IndirectFrame extends Handler<'kvmppc_h_put_tce_indirect', HPutTceIndirect> {
  /** In two passes, the first one looks through the whole list; in one, each row is validated before it is mapped. */
  readonly at: 'begin' | 'lookingThrough' | 'validating' | 'mapping' | 'clearing';
  readonly table: number;
  readonly failed: HcallCode;
  /** Entries done in this pass, and entries that are being done now. */
  readonly done: number;
  readonly now: number;
}
export interface StuffFrame extends Handler<'kvmppc_h_stuff_tce', HStuffTce> {
  readonly at: 'begin' | 'unmapping' | 'clearing';
  readonly table: number;
  /** Entries done in this table. */
  readonly done: number;
}

/** Whether the memory behind a row of TCEs is registered for all hardware tables. */
export interface ValidateFrame {
  readonly fn: 'kvmppc_tce_validate';
  readonly tables: readonly IommuTableFacts[];
  readonly table: number;
  readonly ua: Ua;
  /** TCEs in the row as asked about, as far as they are good, and how many this table was found to take. */
  readonly asked: number;
  readonly count: number;
  readonly pageShift: number;
  readonly done: number;
  /** TCEs in a row that the region just found holds. */
  readonly found: number;
}

/** Writes guest entries into one hardware table: `entries` of them, `subpages` hardware entries each. */
interface OnHardware<Fn extends string> {
  readonly fn: Fn;
  readonly hw: IommuTableFacts;
  /** The first hardware entry. */
  readonly index: number;
  readonly entries: number;
  readonly subpages: number;
  /** Hardware entries that are finished, and those in the access that is under way. */
  readonly done: number;
  readonly now: number;
  /** Why it stops after what is under way; null while it goes on. */
  readonly failed: HcallCode | null;
  readonly old: readonly HardwareRun[];
}
export interface MapFrame extends OnHardware<'kvmppc_tce_iommu_map'> {
  readonly at:
    | 'begin'
    | 'lookingUp'
    | 'findingSlots'
    | 'translating'
    | 'counting'
    | 'exchanging'
    | 'uncounting'
    | 'dropping'
    | 'storing'
    | 'killing';
  readonly ua: Ua;
  readonly perm: number;
  readonly region: number;
  readonly hpa: Hpa;
  /** The first hardware entry that was found to have no slot, counted as `done` is; null while none was. */
  readonly slotless: number | null;
  /** Real mode allocates nothing. */
  readonly alloc: boolean;
}
export interface UnmapFrame extends OnHardware<'kvmppc_tce_iommu_unmap'> {
  readonly at: 'begin' | 'exchanging' | 'dropping' | 'restoring' | 'killing';
}
/** Counts down what stood in hardware entries, by their userspace slots, and empties these. */
export interface MappedDecFrame {
  readonly fn: 'kvmppc_tce_iommu_mapped_dec';
  readonly hw: IommuTableFacts;
  readonly at: 'begin' | 'readingSlots' | 'lookingUp' | 'uncounting' | 'emptying';
  /** Whether the first entry that has no region ends it, as an unmapping wants it. */
  readonly stops: boolean;
  /** Hardware entries that were valid. */
  readonly runs: readonly { readonly index: number; readonly count: number }[];
  readonly run: number;
  /** The next entry of the run, the first behind those whose slots are known, and what these hold. */
  readonly next: number;
  readonly known: number;
  readonly slots: readonly UserspaceRun[];
  /** Entries of one region. */
  readonly now: number;
}
/** Wipes hardware entries after a failure. */
export interface ClearFrame {
  readonly fn: 'kvmppc_clear_tce';
  readonly hw: IommuTableFacts;
  readonly at: 'begin' | 'exchanging' | 'dropping';
  readonly index: number;
  readonly count: number;
  readonly done: number;
  readonly now: number;
}

/** A system call of QEMU, from its entry to its return. */
export interface SyscallFrame {
  readonly fn: 'syscall';
  readonly call: KvmCall;
}
export interface CreateFrame {
  readonly fn: 'kvm_vm_ioctl_create_spapr_tce';
  readonly at: 'begin' | 'charging' | 'refunding';
  readonly liobn: number;
  readonly pageShift: number;
  readonly offset: bigint;
  readonly size: bigint;
  readonly failed: Errno | null;
}
export interface ReleaseTableFrame {
  readonly fn: 'kvm_spapr_tce_release';
  readonly at: 'begin' | 'uncharging';
  readonly stt: number;
}
export interface FileAddFrame {
  readonly fn: 'kvm_vfio_file_add';
  readonly at: 'begin' | 'findingFile';
  readonly fd: Fd;
}
export interface FileDelFrame {
  readonly fn: 'kvm_vfio_file_del';
  readonly at: 'begin' | 'findingFile' | 'releasing';
  readonly fd: Fd;
}
export interface SetSpaprTceFrame {
  readonly fn: 'kvm_vfio_file_set_spapr_tce';
  readonly at: 'begin' | 'findingFile' | 'attaching' | 'releasing';
  readonly fd: Fd;
  readonly tableFd: Fd;
  /** What the attaching ended with. */
  readonly result: Errno | null;
  /** The table whose file this call holds; null where it holds none. */
  readonly holds: number | null;
}
export interface AttachFrame {
  readonly fn: 'kvm_spapr_tce_attach_iommu_group';
  readonly at: 'begin' | 'findingTableFile' | 'readingGroup' | 'takingTable' | 'puttingTable';
  readonly tableFd: Fd;
  readonly group: GroupId;
  readonly stt: number;
  readonly hw: IommuTableFacts | null;
  /** What it ends with once the table is put. */
  readonly failed: Errno | null;
}
export interface ReleaseGroupFrame {
  readonly fn: 'kvm_spapr_tce_release_iommu_group';
  readonly at: 'begin' | 'readingGroup';
  readonly group: GroupId;
}
/** The KVM-VFIO device's file is closed: every group goes. */
export interface DeviceReleaseFrame {
  readonly fn: 'kvm_vfio_release';
}
/** QEMU is gone: every file goes. */
export interface ExitFrame {
  readonly fn: 'exit';
}
/** What RCU calls when a hardware table is no longer in anybody's sight. */
export interface TableFreeFrame {
  readonly fn: 'kvm_spapr_tce_iommu_table_free';
  readonly at: 'begin' | 'puttingTable';
  readonly hw: IommuTableFacts;
}

export type Frame =
  | HcallFrame
  | PutFrame
  | IndirectFrame
  | StuffFrame
  | ValidateFrame
  | MapFrame
  | UnmapFrame
  | MappedDecFrame
  | ClearFrame
  | SyscallFrame
  | CreateFrame
  | ReleaseTableFrame
  | FileAddFrame
  | FileDelFrame
  | SetSpaprTceFrame
  | AttachFrame
  | ReleaseGroupFrame
  | DeviceReleaseFrame
  | ExitFrame
  | TableFreeFrame;
