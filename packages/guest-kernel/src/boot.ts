import { ioba, type PciNode } from '@spapr-dma/protocol';
import type { BootFrame } from './frames-boot.js';
import type { DmaWin, GuestDevice, PeNode } from './guest-objects.js';
import { type GuestKernel, NO_LOCKS, withDevice } from './guest-state.js';
import { withNewTable } from './iommu-table.js';
import { defaultTableOf } from './pci-dma-setup.js';
import { call, goto, printk, ret, type Step, type StepFunction } from './steps.js';

export const bootFrame = (): BootFrame => ({ fn: 'boot', at: 'begin', done: 0 });

/** A device before any driver. */
export const newDevice = (id: string, buid: PeNode['buid'] | null, pci: PciNode | null): GuestDevice => ({
  id,
  mode: 'present',
  buid,
  pci,
  dmaMask: 0xffff_ffffn,
  base: null,
  dmaOffset: ioba(0n),
  bypass: false,
  busDmaLimit: 0n,
});

/** Devices of all PHBs, in the order in which they are set up. */
const pciDevices = (kernel: GuestKernel) =>
  kernel.nodes.flatMap(({ buid, devices }) => devices.map((pci) => ({ buid, pci })));

/** Every device without a driver and without a table. */
function freshDevices(kernel: GuestKernel): Record<string, GuestDevice> {
  const pci = pciDevices(kernel).map(({ buid, pci }) => newDevice(pci.id, buid, pci));
  const vio = kernel.vio.map(({ id }) => newDevice(id, null, null));
  return Object.fromEntries([...pci, ...vio].map((device) => [device.id, device]));
}

/**
 * Windows that an earlier kernel left in the device tree: first those that map all RAM, then the dynamic
 * ones, each put in front. All count as dynamic.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: find_existing_ddw_windows
 */
function existingWindows(kernel: GuestKernel): readonly DmaWin[] {
  const named = (wanted: string) =>
    kernel.nodes.flatMap(({ buid, ddwProperty }) => {
      if (ddwProperty?.name !== wanted) return [];
      const { name: _name, ...window } = ddwProperty;
      return [{ ...window, buid, direct: false }];
    });
  const found = [...named('linux,direct64-ddr-window-info'), ...named('linux,dma64-ddr-window-info')];
  return found.reverse();
}

/** What a kernel that starts knows: the device tree, and nothing that an earlier kernel kept in memory. */
export const freshKernel = (kernel: GuestKernel): GuestKernel => ({
  ...kernel,
  mode: 'booting',
  nodes: kernel.nodes.map((node) => ({ ...node, group: null, owner: 'kernel' })),
  devices: freshDevices(kernel),
  tables: {},
  dmaWinList: existingWindows(kernel),
  failedDdw: [],
  locks: NO_LOCKS,
});

/**
 * Reports `booted`. All buses get their tables first, then all devices, then the VIO devices.
 * @see [Linux] arch/powerpc/kernel/pci-common.c: pcibios_setup_bus_self, pcibios_bus_add_device
 * @see [Linux] arch/powerpc/platforms/pseries/vio.c: vio_build_iommu_table
 */
export const boot: StepFunction<BootFrame> = (kernel, frame) => {
  switch (frame.at) {
    case 'begin': {
      const notes = kernel.bootArgs.disableDdw ? [printk('disabling ddw')] : [];
      return goto(freshKernel(kernel), { ...frame, at: 'settingUpBuses' }, notes);
    }
    case 'settingUpBuses': {
      const node = kernel.nodes[frame.done];
      if (node === undefined) return goto(kernel, { ...frame, at: 'settingUpDevices', done: 0 });
      return call(
        kernel,
        { ...frame, done: frame.done + 1 },
        { fn: 'pci_dma_bus_setup_pSeriesLP', at: 'begin', buid: node.buid },
      );
    }
    case 'settingUpDevices': {
      const device = pciDevices(kernel)[frame.done];
      if (device === undefined) return goto(kernel, { ...frame, at: 'settingUpVio', done: 0 });
      return call(
        kernel,
        { ...frame, done: frame.done + 1 },
        { fn: 'pci_dma_dev_setup_pSeriesLP', at: 'begin', buid: device.buid, device: device.pci.id },
      );
    }
    case 'settingUpVio':
      return setUpVio(kernel, frame);
  }
};

function setUpVio(kernel: GuestKernel, frame: BootFrame): Step {
  const vio = kernel.vio[frame.done];
  if (vio === undefined) {
    return ret({ ...kernel, mode: 'running' }, null, [{ type: 'booted', kernel: kernel.kernel }]);
  }
  const made = withNewTable(kernel, defaultTableOf(vio.dmaWindow));
  return call(
    withDevice(made.kernel, vio.id, { base: made.id }),
    { ...frame, done: frame.done + 1 },
    { fn: 'iommu_init_table', at: 'begin', table: made.id, index: 0, busy: 0 },
  );
}
