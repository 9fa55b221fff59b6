import type { Buid, Gpa, GuestBootArgs, GuestPlatform } from '@spapr-dma/protocol';
import type { Frame } from './frames.js';
import type { GuestConfig } from './guest-config.js';
import type { DmaWin, GuestDevice, IommuTable, MemoryRange, PeNode, TableId } from './guest-objects.js';

/**
 * Locks that are held across a call, so that another vCPU can meet them.
 *
 * Abstraction: the large pools of all tables have one lock between them.
 */
export type LockName =
  | 'device_lock'
  | 'dma_win_init_mutex'
  | 'dma_win_list_lock'
  | 'large_pool.lock'
  | 'rtas.lock';

/** What a vCPU waits for before it goes on. */
export type Awaits = 'hcall' | 'rtas' | 'lock';

/** One vCPU: the kernel functions it is in, outermost first, and what it waits for. */
export interface Vcpu {
  readonly stack: readonly Frame[];
  /** Where the chart is: `off`, `idle`, or operation, place and what is awaited there. */
  readonly at: string;
  /** The lock it waits for; null if none. */
  readonly wants: LockName | null;
}

/** Everything the guest kernel remembers. */
export interface GuestKernel {
  readonly config: GuestConfig;
  /** `off` before the first power-on and after a reset; `firmware`; `booting`; `running` takes commands. */
  readonly mode: 'off' | 'firmware' | 'booting' | 'running';
  readonly kernel: 'first' | 'kexec' | 'kdump';
  readonly bootArgs: GuestBootArgs;
  readonly memory: {
    readonly ranges: readonly MemoryRange[];
    readonly hotplugMax: Gpa | null;
    readonly pmemory: boolean;
  };
  /** What firmware promised: multi-TCE hypercalls. */
  readonly multiTce: boolean;
  /** PHBs in the order in which they were found. */
  readonly nodes: readonly PeNode[];
  readonly vio: GuestPlatform['vio'];
  readonly devices: Readonly<Record<string, GuestDevice>>;
  readonly tables: Readonly<Record<TableId, IommuTable>>;
  /** Newest first, as list_add leaves it. */
  readonly dmaWinList: readonly DmaWin[];
  /** PHBs for which a dynamic window was refused once, and which are never asked for again. */
  readonly failedDdw: readonly Buid[];
  /** Which vCPU holds each lock. */
  readonly locks: Readonly<Record<Exclude<LockName, 'device_lock'>, number | null>>;
  /** Hotplug events that nobody has acted on yet, oldest first. */
  readonly hotplug: readonly HotplugNote[];
  readonly vcpus: readonly Vcpu[];
}

export interface HotplugNote {
  readonly action: 'add' | 'remove';
  readonly resource: 'phb' | 'pci' | 'memory';
  readonly drcIndex: number;
  readonly memory: MemoryRange | null;
}

export const NO_LOCKS: GuestKernel['locks'] = {
  dma_win_init_mutex: null,
  dma_win_list_lock: null,
  'large_pool.lock': null,
  'rtas.lock': null,
};

/** A guest that is switched off. */
export function guestOff(config: GuestConfig, vcpus: number): GuestKernel {
  return {
    config,
    mode: 'off',
    kernel: 'first',
    bootArgs: { multitceOff: false, disableDdw: false },
    memory: { ranges: [], hotplugMax: null, pmemory: false },
    multiTce: false,
    nodes: [],
    vio: [],
    devices: {},
    tables: {},
    dmaWinList: [],
    failedDdw: [],
    locks: NO_LOCKS,
    hotplug: [],
    vcpus: Array.from({ length: vcpus }, () => ({ stack: [], at: 'off', wants: null })),
  };
}

/** Whether H_PUT_TCE_INDIRECT and H_STUFF_TCE are used. */
export const usesMultiTce = (kernel: GuestKernel): boolean => kernel.multiTce && !kernel.bootArgs.multitceOff;

/** The node of a PHB, or undefined after it went. */
export const nodeOf = (kernel: GuestKernel, buid: Buid): PeNode | undefined =>
  kernel.nodes.find((node) => node.buid === buid);

/** Replaces one PHB's node. */
export const withNode = (kernel: GuestKernel, buid: Buid, change: Partial<PeNode>): GuestKernel => ({
  ...kernel,
  nodes: kernel.nodes.map((node) => (node.buid === buid ? { ...node, ...change } : node)),
});

/** Replaces one device. */
export const withDevice = (kernel: GuestKernel, id: string, change: Partial<GuestDevice>): GuestKernel => ({
  ...kernel,
  devices: { ...kernel.devices, [id]: { ...kernel.devices[id]!, ...change } },
});

/** Takes a lock that is free. A PHB's lock is noted nowhere: it is seen from what the vCPUs are doing. */
export const withLock = (kernel: GuestKernel, lock: LockName, cpu: number): GuestKernel =>
  lock === 'device_lock' ? kernel : { ...kernel, locks: { ...kernel.locks, [lock]: cpu } };

/** Releases a lock; whoever waits for it goes on at its next step. */
export const unlocked = (kernel: GuestKernel, lock: keyof GuestKernel['locks']): GuestKernel => ({
  ...kernel,
  locks: { ...kernel.locks, [lock]: null },
});
