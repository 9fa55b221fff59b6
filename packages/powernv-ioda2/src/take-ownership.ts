import type { Effect, GroupId, HostDeviceId, OpalCode } from '@spapr-dma/protocol';
import { iommuTceTablePut } from './iommu-tce-table-put.js';
import { type Running, ran } from './sent.js';
import { setBypass } from './set-bypass.js';
import { setupBusDma } from './setup-bus-dma.js';
import { deviceOf, groupOf, type Pe, peOfGroup, withDevice } from './state.js';
import { unsetWindow } from './unset-window.js';

/** What the recordings show of a device. */
export function shownDevice({ powernv }: Running, id: HostDeviceId): Effect['args'] {
  const device = deviceOf(powernv, id);
  return { dev: id, devbase: device?.tableBase ?? null, devoff: device?.dmaOffset ?? 0n };
}

/** What the recordings show of a group and the device by which it changes hands. */
export function shownGroup(running: Running, id: GroupId, device: HostDeviceId | null): Effect['args'] {
  const [t0, t1] = groupOf(running.powernv, id)!.tables;
  return { tg: id, t0, t1, ...(device === null ? {} : shownDevice(running, device)) };
}

/** The table base of the one function that a PE is, or of every device of its bus. */
function clearTableBase(running: Running, pe: Pe): void {
  if (pe.scope.mode === 'bus') {
    setupBusDma(running, pe);
    return;
  }
  const device = deviceOf(running.powernv, pe.scope.device);
  if (device !== undefined) running.powernv = withDevice(running.powernv, { ...device, tableBase: null });
}

/**
 * Takes a group from the host: bypass off, the host's own table out of window 0, and freed. The first device of
 * a group does it all, the others find that no table is there. Nothing looks whether the table is in use.
 *
 * Before db08e1d53034 the table base of the devices went on naming the freed table (B-10). Where the bypass
 * cannot be turned off (B-51), or the window not be taken away (B-50), the kernel goes on all the same; fixed,
 * the group stays with the host.
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_ioda2_take_ownership
 */
export function takeOwnership(running: Running, id: GroupId, device: HostDeviceId | null): OpalCode {
  ran(running, 'pnv_ioda2_take_ownership', shownGroup(running, id, device));
  const { switches, nobypass } = running.powernv.config;
  const pe = peOfGroup(running.powernv, id)!;
  const table = groupOf(running.powernv, id)!.tables[0];
  if (table === null) return 'OPAL_SUCCESS';
  const off = setBypass(running, pe, false);
  if (off !== 'OPAL_SUCCESS' && switches.bypassOffFailure === 'fixed') return off;
  const unset = unsetWindow(running, id, 0);
  if (unset !== 'OPAL_SUCCESS' && switches.unsetFailure === 'fixed') {
    if (!nobypass) setBypass(running, pe, true);
    return unset;
  }
  if (switches.tableBaseUpdate === 'takeAndRelease') clearTableBase(running, pe);
  iommuTceTablePut(running, table);
  return 'OPAL_SUCCESS';
}
