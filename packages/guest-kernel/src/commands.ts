import { type GuestCommand, gpa, ioba } from '@spapr-dma/protocol';
import { withDevicesFrame } from './device-lock.js';
import { ioPagesOf } from './dma-map.js';
import { tableOfDevice } from './dma-unmap.js';
import type { Frame } from './frames.js';
import type { GuestKernel } from './guest-state.js';
import type { ReportBody } from './requests.js';
import { vfioReturn } from './vfio-group.js';
import { vfioSetWindow } from './vfio-unset-window.js';

/** What a command sets off: a kernel function to enter, or, where no call is made, what has changed. */
export type Started =
  | { readonly frame: Frame }
  | { readonly kernel: GuestKernel; readonly reports: readonly ReportBody[] };

/** Commands that add or remove devices, PHBs or tables, and so need them for themselves. */
const EXCLUSIVE: ReadonlySet<GuestCommand['type']> = new Set([
  'unbind',
  'dlpar-add-phb',
  'dlpar-add-device',
  'dlpar-remove-phb',
  'dlpar-remove-device',
  'vfio-take-ownership',
  'vfio-release-ownership',
  'vfio-create-table',
  'vfio-unset-window',
]);

/** Enters the kernel function behind a command. `kexec` replaces the kernel and is no such function. */
export function startedBy(kernel: GuestKernel, command: Exclude<GuestCommand, { type: 'kexec' }>): Started {
  const entered = enteredBy(kernel, command);
  if (!('frame' in entered) || entered.frame.fn === 'iommu_mem_notifier') return entered;
  return { frame: withDevicesFrame(EXCLUSIVE.has(command.type) ? 'exclusive' : 'shared', entered.frame) };
}

function enteredBy(kernel: GuestKernel, command: Exclude<GuestCommand, { type: 'kexec' }>): Started {
  switch (command.type) {
    case 'probe': {
      const { device, dmaMask } = command;
      return { frame: { fn: 'dma_set_mask', at: 'begin', device, dmaMask } };
    }
    case 'unbind':
      return { frame: { fn: 'device_release_driver', at: 'begin', device: command.device } };
    case 'dma_map': {
      const { device, kind, direction } = command;
      const buffer = { gpa: command.gpa, bytes: command.bytes };
      return {
        frame: {
          fn: 'iommu_alloc',
          at: 'begin',
          device,
          kind,
          ...buffer,
          direction,
          table: null,
          entry: 0,
          npages: 0,
        },
      };
    }
    case 'dma_map_sg': {
      const { device, segments: buffers, direction } = command;
      const progress = { table: null, done: 0, handle: 0, entry: 0, segments: [], undone: 0 };
      return { frame: { fn: 'ppc_iommu_map_sg', at: 'begin', device, buffers, direction, ...progress } };
    }
    case 'dma_unmap':
      return { frame: unmapFrame(kernel, command) };
    case 'online-memory':
    case 'offline-memory': {
      const action = command.type === 'online-memory' ? 'MEM_GOING_ONLINE' : 'MEM_OFFLINE';
      const range = { gpa: command.gpa, bytes: command.bytes };
      return {
        frame: { fn: 'iommu_mem_notifier', at: 'begin', action, range, done: 0, failed: false },
      };
    }
    case 'dlpar-add-phb':
    case 'dlpar-add-device':
    case 'dlpar-remove-phb':
    case 'dlpar-remove-device':
      return { frame: { fn: 'dlpar', at: 'begin', command, done: 0 } };
    case 'vfio-take-ownership':
    case 'vfio-release-ownership':
      return {
        frame: { fn: 'spapr_tce_ownership', at: 'begin', command: command.type, buid: command.buid },
      };
    case 'vfio-create-table': {
      const { buid, num, pageShift, windowBytes, levels } = command;
      const wanted = { buid, num, pageShift, windowBytes, levels };
      return { frame: { fn: 'spapr_tce_create_table', at: 'begin', ...wanted, window: null, table: null } };
    }
    case 'vfio-set-window': {
      const result = vfioSetWindow(kernel, command.buid, command.num, command.table);
      return { kernel, reports: [vfioReturn(command.type, result)] };
    }
    case 'vfio-unset-window': {
      const { buid, num } = command;
      return { frame: { fn: 'spapr_tce_unset_window', at: 'begin', buid, num } };
    }
    case 'vfio-map':
    case 'vfio-unmap': {
      const { type, buid, num, ioba: start, bytes } = command;
      const mapping = type === 'vfio-map';
      const what = mapping
        ? { gpa: command.gpa, direction: command.direction }
        : { gpa: gpa(0n), direction: 'DMA_NONE' as const };
      const progress = { done: 0, cleared: 0 };
      return {
        frame: {
          fn: 'tce_iommu_build',
          at: 'begin',
          command: type,
          buid,
          num,
          ioba: start,
          bytes,
          ...what,
          ...progress,
        },
      };
    }
  }
}

/** The pages of a mapping in its device's table. @see [Linux] arch/powerpc/kernel/iommu.c: iommu_unmap_page */
function unmapFrame(kernel: GuestKernel, command: Extract<GuestCommand, { type: 'dma_unmap' }>): Frame {
  const { device, dmaAddress, bytes } = command;
  const id = tableOfDevice(kernel, device);
  const table = id === null ? undefined : kernel.tables[id];
  const at = { fn: 'iommu_free', at: 'begin', device, dmaAddress: ioba(dmaAddress), bytes } as const;
  if (table === undefined) return { ...at, table: null, entry: 0, npages: 0 };
  const entry = Number(dmaAddress >> BigInt(table.pageShift));
  return { ...at, table: id, entry, npages: ioPagesOf(table, dmaAddress, bytes) };
}
