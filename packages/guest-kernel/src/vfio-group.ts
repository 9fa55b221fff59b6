import type { Buid, Errno, GuestVfioCommand, Ioba } from '@spapr-dma/protocol';
import { withoutDefaultProperty } from './enable-ddw.js';
import type { TableId } from './guest-objects.js';
import { type GuestKernel, nodeOf, unlocked, withNode } from './guest-state.js';
import { tablePut } from './iommu-table.js';
import type { ReportBody } from './requests.js';
import { ret, type Step } from './steps.js';

/** The report of a call into a table group. */
export const vfioReturn = (
  command: GuestVfioCommand['type'],
  result: 0 | Errno,
  start: Ioba | null = null,
): ReportBody => ({ type: 'guest-vfio-return', command, result, start });

/** Ends a call into a table group, and leaves the mutex. */
export const leaveGroup = (
  kernel: GuestKernel,
  command: GuestVfioCommand['type'],
  result: 0 | Errno,
  start: Ioba | null = null,
): Step => ret(unlocked(kernel, 'dma_win_init_mutex'), null, [vfioReturn(command, result, start)]);

/** The first device of a PE, which stands for it in calls to firmware; undefined where it has none. */
export const firstDeviceOf = (kernel: GuestKernel, buid: Buid): string | undefined =>
  nodeOf(kernel, buid)?.devices[0]?.id;

/** Puts a table, or nothing, into a slot of a group; the reference of what was there is dropped. */
export function withGroupTable(kernel: GuestKernel, buid: Buid, num: 0 | 1, id: TableId | null): GuestKernel {
  const group = nodeOf(kernel, buid)!.group!;
  const before = group.tables[num];
  const tables = num === 0 ? ([id, group.tables[1]] as const) : ([group.tables[0], id] as const);
  const next = withNode(kernel, buid, { group: { ...group, tables } });
  return before === null ? next : tablePut(next, before);
}

/** All devices of a PE use this table, or none. */
export function withBases(kernel: GuestKernel, buid: Buid, base: TableId | null): GuestKernel {
  const devices = Object.entries(kernel.devices).map(([id, device]) => [
    id,
    device.buid === buid ? { ...device, base } : device,
  ]);
  return { ...kernel, devices: Object.fromEntries(devices) };
}

/** The PE's dynamic window is in use no longer. */
export const withoutListed = (kernel: GuestKernel, buid: Buid): GuestKernel => ({
  ...kernel,
  dmaWinList: kernel.dmaWinList.filter((window) => window.buid !== buid),
});

/**
 * Takes the default window's property away and keeps a copy. Firmware is not told: the property is shorter
 * than a dynamic window's, and the removal is skipped for that.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: remove_dma_window_named
 */
export const withoutNamedDefault = (kernel: GuestKernel, buid: Buid): GuestKernel =>
  nodeOf(kernel, buid)!.ddwApplicable === null ? kernel : withoutDefaultProperty(kernel, buid);

/** Brings the default window's property back from its copy. @see [Linux] restore_default_dma_window */
export function withSavedDefault(kernel: GuestKernel, buid: Buid): GuestKernel {
  const { dmaWindow, dmaWindowSaved } = nodeOf(kernel, buid)!;
  return withNode(kernel, buid, { dmaWindow: dmaWindow ?? dmaWindowSaved });
}
