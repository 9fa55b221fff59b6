import {
  type Buid,
  type Bytes,
  type DeviceDma,
  type DmaPiece,
  type Gpa,
  type IbmCreatePeDmaWindow,
  type Liobn,
  low32,
  type PciDevice,
  type PhbProperties,
  type TceCount,
  type VfioPciDevice,
} from '@spapr-dma/protocol';
import type { TceTable } from '@spapr-dma/tce-table';
import type { CompleteConfig } from './config.js';
import type { Drc } from './drc.js';
import type { Task } from './task.js';
import type { VfioState } from './vfio-state.js';

/**
 * Everything QEMU's sPAPR DMA side knows, as plain immutable data. Lists are kept in the order of their
 * key, so that equal states are equal however they came about.
 */
export interface QemuState {
  readonly config: CompleteConfig;
  readonly ram: readonly RamBlock[];
  /** In the order of their LIOBN. */
  readonly tables: readonly SpaprTceTable[];
  /** In the order of their index. */
  readonly phbs: readonly Phb[];
  /** In the order of their `reg`. */
  readonly vios: readonly Vio[];
  /** In the order of their id. */
  readonly devices: readonly (PciDevice | VfioPciDevice)[];
  /** A create that is making its window, which is not over until those who listen have seen it. */
  readonly creating: IbmCreatePeDmaWindow | null;
  /** What holds the big lock over more than one step; null while the lock is free. */
  readonly task: Task | null;
  /** Transfers of emulated devices that wait for a view in KVM, outside the big lock; in the order of their thread. */
  readonly dmas: readonly Dma[];
  /** What is to be freed when everybody has let go of it, the oldest first. */
  readonly rcu: readonly RcuCallback[];
  /** KVM's slots for guest memory by their number: the block's address, null for a slot that is free. */
  readonly memslots: readonly (bigint | null)[];
  readonly vfio: VfioState;
}

/** An emulated device's transfer that waits for one entry of a view in KVM. */
export interface Dma {
  readonly call: DeviceDma;
  /** The window that the entry is of, and how far its address is from the window's start. */
  readonly liobn: Liobn;
  readonly offset: bigint;
  /** What is left of the transfer. */
  readonly address: bigint;
  readonly left: bigint;
  readonly pieces: readonly DmaPiece[];
}

/** An RCU callback: a VFIO device is finalized, or a PHB asks anew whether one is behind it. */
export type RcuCallback =
  | { readonly kind: 'vfio-device'; readonly id: string }
  | { readonly kind: 'sync'; readonly phb: number };

/** Guest memory at [gpa, gpa + bytes). */
export interface RamBlock {
  readonly gpa: Gpa;
  readonly bytes: Bytes;
  /** True where it is one section with the block right before it. */
  readonly joins?: true;
}

/** What a table is for: a window slot of a PHB, or a VIO device. */
export type TableOwner =
  | { readonly kind: 'phb'; readonly index: number; readonly slot: 0 | 1 }
  | { readonly kind: 'vio'; readonly reg: number };

interface TableIdentity {
  readonly liobn: Liobn;
  readonly owner: TableOwner;
  /** Set when the slot is enabled as the default window; see the switch defWinClear. */
  readonly defWin: boolean;
  /** VIO only: DMA goes to guest memory untranslated. */
  readonly bypass: boolean;
  /** Somebody listens to the changes of this table. */
  readonly needVfio: boolean;
  /** True only while a create makes the window. */
  readonly skippingReplay: boolean;
}

/** A range of IOBAs. What of it lies beyond 2^64 is never reached. */
export interface Region {
  readonly start: bigint;
  readonly bytes: bigint;
}

/** A window that exists: `nbTable` entries of 2^pageShift bytes at `busOffset`. */
export interface EnabledTable extends TableIdentity {
  readonly mode: 'enabled';
  /** As it was asked for: may exceed 63, then it counts modulo 64. */
  readonly pageShift: number;
  readonly busOffset: bigint;
  readonly nbTable: TceCount;
  /** Where devices find the window: as it was enabled, even where a loaded stream moved the entries (B-29). */
  readonly region: Region;
  /** The guest view. */
  readonly view: TceTable;
  /** KVM's table, or -1 while the view lives in QEMU. */
  readonly fd: number;
}

/** A slot without a window. */
export interface DisabledTable extends TableIdentity {
  readonly mode: 'disabled';
}

/**
 * A slot whose last create made a window of 0 entries: the memory region stayed attached, so the next
 * create on it fails an assertion.
 */
export interface StuckTable extends TableIdentity {
  readonly mode: 'stuck';
  readonly pageShift: number;
  readonly busOffset: bigint;
}

/** A TCE table object, one for each LIOBN. It lives as long as its PHB or VIO device. */
export type SpaprTceTable = EnabledTable | DisabledTable | StuckTable;

/** A PHB and its two connectors' states. */
export interface Phb {
  /** A dying PHB has left the machine; its windows answer hypercalls until an RCU callback frees them. */
  readonly mode: 'present' | 'dying';
  readonly properties: PhbProperties;
  readonly buid: Buid;
  /** Its section in a migration stream: one above the highest that there was when it was made. */
  readonly section: number;
  /** Which slot a create takes where both are free. */
  readonly slotOrder: readonly [0 | 1, 0 | 1];
  /** Notifiers registered for the windows of this PHB. */
  readonly notifiers: number;
  /**
   * What the PHB believes: that a VFIO device is behind it. Only where commands and not notifiers tell; see the
   * switches reallocOnFirstVfio and unplugSync.
   */
  readonly hasVfio: boolean;
  /** Of no use to a machine without connectors for PHBs. */
  readonly drc: Drc;
  /** Connectors of its PCI slots that hold a device, in the order of devfn. */
  readonly slots: readonly { readonly devfn: number; readonly drc: Drc }[];
}

/** A VIO device's command queue. */
export interface Vio {
  readonly reg: number;
  readonly hasTable: boolean;
  readonly supportsCrq: boolean;
  readonly crq: 'free' | 'registered';
}

/** The table a 64-bit LIOBN register names, or undefined: bits above 31 name nothing. */
export function tableOf(qemu: QemuState, liobn: bigint): SpaprTceTable | undefined {
  if (liobn > 0xffff_ffffn) return undefined;
  const wanted = Number(liobn);
  for (const table of qemu.tables) if (table.liobn === wanted) return table;
  return undefined;
}

export function phbOfBuid(qemu: QemuState, buid: bigint): Phb | undefined {
  return qemu.phbs.find((phb) => phb.buid === buid && phb.mode === 'present');
}

/** The PHBs that have not left, in the order of their making. */
export const phbsMade = ({ phbs }: QemuState): readonly Phb[] =>
  phbs.filter(({ mode }) => mode === 'present').sort((a, b) => a.section - b.section);

/** The PHB object of that index, dying or not. */
export function phbOfIndex(qemu: QemuState, index: number): Phb | undefined {
  return qemu.phbs.find((phb) => phb.properties.index === index);
}

/** The VIO device at an address. Unlike a LIOBN, the address is cut to 32 bits. */
export function vioOf(qemu: QemuState, reg: bigint): Vio | undefined {
  const wanted = low32(reg);
  return qemu.vios.find((vio) => vio.reg === wanted);
}

/** The tables of a PHB, slot 0 first. */
export function tablesOfPhb(qemu: QemuState, index: number): readonly SpaprTceTable[] {
  return qemu.tables.filter(({ owner }) => owner.kind === 'phb' && owner.index === index);
}

/** The windows of a PHB that exist. */
export function windowsOfPhb(qemu: QemuState, index: number): readonly EnabledTable[] {
  return tablesOfPhb(qemu, index).filter((table) => table.mode === 'enabled');
}

/** The same state with one table in a new condition. */
export function withTable(qemu: QemuState, table: SpaprTceTable): QemuState {
  const at = qemu.tables.findIndex(({ liobn }) => liobn === table.liobn);
  if (at < 0) return { ...qemu, tables: [...qemu.tables, table].sort((a, b) => a.liobn - b.liobn) };
  const tables = qemu.tables.slice();
  tables[at] = table;
  return { ...qemu, tables };
}

export function withPhb(qemu: QemuState, phb: Phb): QemuState {
  const others = qemu.phbs.filter(({ properties }) => properties.index !== phb.properties.index);
  return { ...qemu, phbs: [...others, phb].sort((a, b) => a.properties.index - b.properties.index) };
}

export function withVio(qemu: QemuState, vio: Vio): QemuState {
  const others = qemu.vios.filter(({ reg }) => reg !== vio.reg);
  return { ...qemu, vios: [...others, vio].sort((a, b) => a.reg - b.reg) };
}
