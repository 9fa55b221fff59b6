import type { GroupId, HostDeviceId } from '@spapr-dma/protocol';
import { BYPASS_BASE } from './config.js';
import { iommuTceTablePut } from './iommu-tce-table-put.js';
import { peNow } from './opal.js';
import { releaseOwnership } from './release-ownership.js';
import { type Running, ran } from './sent.js';
import { setBypass } from './set-bypass.js';
import { setupDefaultConfig } from './setup-default-config.js';
import {
  DISABLED,
  deviceOf,
  devicesOfPe,
  groupOf,
  type HostDevice,
  type Pe,
  type PeScope,
  type PowernvState,
  peOfDevice,
  withDevice,
  withGroup,
  withPe,
} from './state.js';
import { shownDevice } from './take-ownership.js';
import { unsetWindow } from './unset-window.js';

/** The bus of a function: its address without device and function number. */
export const busOf = (device: HostDeviceId): string => device.slice(0, device.lastIndexOf(':'));

/** PE numbers are given out from here downwards; those above are the bridge's own. */
const FIRST_PE = 253;

function nextPe({ pes }: PowernvState, phb: number): number {
  let pe = FIRST_PE;
  while (pes.some((each) => each.phb === phb && each.pe === pe)) pe -= 1;
  return pe;
}

function nextGroup({ groups }: PowernvState): GroupId {
  let group = 0;
  while (groups.some((each) => each.group === group)) group += 1;
  return group;
}

/** A function as the kernel finds it. */
export type FoundDevice = Pick<HostDevice, 'device' | 'physfn' | 'totalVfs'>;

/**
 * Makes a PE with its group, gives it the host's own window, and adds its functions.
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_pci_ioda2_setup_dma_pe
 */
export function setupDmaPe(
  running: Running,
  phb: number,
  scope: PeScope,
  found: readonly FoundDevice[],
): void {
  const number = nextPe(running.powernv, phb);
  const group = nextGroup(running.powernv);
  running.powernv = withGroup(
    withPe(running.powernv, {
      phb,
      pe: number,
      scope,
      group,
      tves: [DISABLED, DISABLED],
      bypassEnabled: false,
      dma: 'thawed',
      cache: [],
    }),
    { group, owner: 'platform', devices: [], tables: [null, null] },
  );
  const pe = peNow(running, { phb, pe: number });
  for (const each of found) addDevice(running, pe, each);
  setupDefaultConfig(running, pe);
  for (const { device } of found) joinGroup(running, pe, device);
}

function addDevice(running: Running, { phb, pe }: Pe, found: FoundDevice): void {
  running.powernv = withDevice(running.powernv, {
    ...found,
    phb,
    pe,
    tableBase: null,
    dmaOffset: 0n,
    driver: null,
    numVfs: 0,
  });
}

/**
 * Sets a function up for DMA and lets it join the group of its PE. Since linux-6.4 the group's first device
 * finds no domain to change, and the others find that the group is the host's already.
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_pci_ioda_dma_dev_setup
 */
function joinGroup(running: Running, pe: Pe, id: HostDeviceId): void {
  const group = groupOf(running.powernv, pe.group)!;
  const device = deviceOf(running.powernv, id)!;
  const isFirst = group.devices.length === 0;
  running.powernv = withGroup(
    withDevice(running.powernv, { ...device, tableBase: group.tables[0], dmaOffset: BYPASS_BASE }),
    { ...group, devices: [...group.devices, id] },
  );
  if (running.powernv.config.features.groupDevices === 'perGroup') return;
  if (isFirst) ran(running, '__iommu_group_set_domain_internal');
  ran(running, '__iommu_device_set_domain');
  ran(running, '__iommu_attach_device');
  ran(running, 'spapr_tce_platform_iommu_attach_dev', shownDevice(running, id));
  if (!isFirst) releaseOwnership(running, pe.group, id);
}

/** A function comes to a bus that has a PE already. */
export function joinPe(running: Running, pe: Pe, found: FoundDevice): void {
  addDevice(running, pe, found);
  joinGroup(running, pe, found.device);
}

/**
 * Takes a function away, and its PE with the last one: window 0 and bypass off, the host's own table freed.
 * False, and the PE stays, where the firmware does not take the window away and that is minded (B-50 fixed).
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_pci_ioda2_release_pe_dma
 */
export function leavePe(running: Running, id: HostDeviceId): boolean {
  const device = deviceOf(running.powernv, id)!;
  const pe = peOfDevice(running.powernv, device)!;
  if (devicesOfPe(running.powernv, pe).length === 1 && !releasePe(running, pe)) return false;
  running.powernv = {
    ...running.powernv,
    devices: running.powernv.devices.filter((each) => each.device !== id),
    groups: running.powernv.groups.map((each) =>
      each.group === pe.group ? { ...each, devices: each.devices.filter((member) => member !== id) } : each,
    ),
  };
  return true;
}

function releasePe(running: Running, pe: Pe): boolean {
  const table = groupOf(running.powernv, pe.group)!.tables[0];
  const unset = unsetWindow(running, pe.group, 0);
  if (unset !== 'OPAL_SUCCESS' && running.powernv.config.switches.unsetFailure === 'fixed') return false;
  setBypass(running, pe, false);
  if (table !== null) iommuTceTablePut(running, table);
  running.powernv = {
    ...running.powernv,
    pes: running.powernv.pes.filter((each) => each.phb !== pe.phb || each.pe !== pe.pe),
    groups: running.powernv.groups.filter(({ group }) => group !== pe.group),
  };
  return true;
}
