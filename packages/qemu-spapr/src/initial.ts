import { bytes, type Device, gpa, type MemoryDevice, type VioDevice } from '@spapr-dma/protocol';
import { type CompleteConfig, completed, QEMU_7_2, type QemuConfig } from './config.js';
import { deviceAdd } from './device-add.js';
import type { QemuState, RamBlock } from './state.js';
import type { Task } from './task.js';
import { begin, MAIN_THREAD } from './task-run.js';
import { NO_VFIO } from './vfio-state.js';

/** What a machine is started with. */
export interface QemuInput {
  readonly config?: QemuConfig;
  readonly ram?: readonly RamBlock[];
  /** In the order of the command line. What is wrong with a device stops the start. */
  readonly devices?: readonly Device[];
}

/** The VIO devices of a pseries machine that has no others: a console and its non-volatile memory. */
export const DEFAULT_VIOS: readonly VioDevice[] = [
  { driver: 'spapr-vty', reg: 0x7100_0000, rtceWindowBytes: bytes(0n) },
  { driver: 'spapr-nvram', reg: 0x7100_0001, rtceWindowBytes: bytes(0n) },
];

/** Guest memory in one block from 0. */
export const ramOf = (size: bigint): readonly RamBlock[] => [{ gpa: gpa(0n), bytes: bytes(size) }];

/** The machine's own PHB and its default VIO devices, with 256 MiB of memory. */
export const DEFAULT_DEVICES: readonly Exclude<Device, MemoryDevice>[] = [
  { driver: 'spapr-pci-host-bridge', index: 0 },
  ...DEFAULT_VIOS,
];

/** A machine with no device at all. */
const emptyQemu = (config: CompleteConfig, ram: readonly RamBlock[]): QemuState => ({
  config,
  ram,
  tables: [],
  phbs: [],
  vios: [],
  devices: [],
  creating: null,
  task: null,
  dmas: [],
  rcu: [],
  memslots: [],
  vfio: NO_VFIO,
});

/**
 * The machine before its first reset: every device realized, every window slot of a PHB empty. Beside KVM, or with
 * a device that is passed through, it has to ask the host for things: then it is about to start, and does so by a
 * `step` of the thread `main`.
 * @throws where a device cannot be realized, with QEMU's reason
 */
export function initialQemu({
  config = QEMU_7_2,
  ram = ramOf(0x1000_0000n),
  devices = DEFAULT_DEVICES,
}: QemuInput): QemuState {
  const empty = emptyQemu(completed(config), ram);
  const asksHost = empty.config.kvm !== null || devices.some(({ driver }) => driver === 'vfio-pci');
  if (asksHost) return { ...empty, task: starting(devices) };
  return devices.reduce((qemu, device) => {
    const outcome = begin(qemu, MAIN_THREAD, 'realized', deviceAdd(device, 'cold'));
    const returned = outcome.sent.find((message) => message.type === 'monitor-return');
    if (returned?.type === 'monitor-return' && !returned.ok) throw new RangeError(returned.error);
    return outcome.qemu;
  }, empty);
}

const starting = (devices: readonly Device[]): Task => ({
  mode: 'waiting',
  thread: MAIN_THREAD,
  frames: [{ fn: 'qemu_init', at: 'starting', blocks: 0, hcalls: 0, devices }],
  awaits: 'step',
  resting: 'realized',
});
