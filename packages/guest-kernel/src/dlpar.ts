import type {
  Buid,
  DlparAddDevice,
  DlparAddPhb,
  DlparRemoveDevice,
  DlparRemovePhb,
} from '@spapr-dma/protocol';
import { newDevice } from './boot.js';
import { ACQUIRE_PHB, ACQUIRE_SLOT, drcFrame, MARK_SLOT, RELEASE_PHB, RELEASE_SLOT } from './drc.js';
import type { DlparFrame } from './frames-hotplug.js';
import type { GuestDevice, PeNode } from './guest-objects.js';
import { type GuestKernel, nodeOf, unlocked, withNode } from './guest-state.js';
import { tablePut } from './iommu-table.js';
import { call, goto, lock, type Resumption, ret, returnedRc, type Step, type StepFunction } from './steps.js';

/** Reports `dlpar-done`. Captures 04 and 11 show the order of the calls. */
export const dlpar: StepFunction<DlparFrame> = (kernel, frame, resumed) => {
  const { command } = frame;
  switch (command.type) {
    case 'dlpar-add-phb':
      return addPhb(kernel, frame, command, resumed);
    case 'dlpar-add-device':
      return addDevice(kernel, frame, command, resumed);
    case 'dlpar-remove-device':
      return removeDevice(kernel, frame, command, resumed);
    case 'dlpar-remove-phb':
      return removePhb(kernel, frame, command, resumed);
  }
};

const finished = (kernel: GuestKernel, { command }: DlparFrame, ok: boolean): Step =>
  ret(kernel, null, [{ type: 'dlpar-done', command: command.type, ok }]);

const withDevices = (kernel: GuestKernel, devices: readonly GuestDevice[]): GuestKernel => ({
  ...kernel,
  devices: { ...kernel.devices, ...Object.fromEntries(devices.map((device) => [device.id, device])) },
});

function withoutDevices(kernel: GuestKernel, gone: (device: GuestDevice) => boolean): GuestKernel {
  const kept = Object.entries(kernel.devices).filter(([, device]) => !gone(device));
  return { ...kernel, devices: Object.fromEntries(kept) };
}

const withoutNote = (kernel: GuestKernel, drcIndex: number): GuestKernel => ({
  ...kernel,
  hotplug: kernel.hotplug.filter((note) => note.drcIndex !== drcIndex || note.resource === 'memory'),
});

/** A PHB's node as hotplug brings it: no window but the default one. */
export const newNode = (node: DlparAddPhb['node']): PeNode => ({
  ...node,
  dmaWindowSaved: null,
  ddwProperty: null,
  group: null,
  owner: 'kernel',
});

/** Connector, then the bus's table, then each device. @see [Linux] pseries/pci_dlpar.c: init_phb_dynamic */
function addPhb(kernel: GuestKernel, frame: DlparFrame, { node }: DlparAddPhb, resumed: Resumption): Step {
  switch (frame.at) {
    case 'begin':
      if (nodeOf(kernel, node.buid) !== undefined) return finished(kernel, frame, false);
      return call(kernel, { ...frame, at: 'acquiring' }, drcFrame(node.drcIndex, ACQUIRE_PHB));
    case 'acquiring': {
      if (returnedRc(resumed) !== 0) return finished(kernel, frame, false);
      const devices = node.devices.map((pci) => newDevice(pci.id, node.buid, pci));
      const nodes = [...kernel.nodes, newNode(node)];
      const known = withoutNote(withDevices({ ...kernel, nodes }, devices), node.drcIndex);
      return call(
        known,
        { ...frame, at: 'settingUpDevices' },
        { fn: 'pci_dma_bus_setup_pSeriesLP', at: 'begin', buid: node.buid },
      );
    }
    default: {
      const pci = node.devices[frame.done];
      if (pci === undefined) return finished(kernel, frame, true);
      return call(
        kernel,
        { ...frame, done: frame.done + 1 },
        { fn: 'pci_dma_dev_setup_pSeriesLP', at: 'begin', buid: node.buid, device: pci.id },
      );
    }
  }
}

/** Connector, then the device's table: its PHB's, and its PHB's dynamic window if it has one. */
function addDevice(
  kernel: GuestKernel,
  frame: DlparFrame,
  { buid, drcIndex, node: pci }: DlparAddDevice,
  resumed: Resumption,
): Step {
  switch (frame.at) {
    case 'begin':
      if (nodeOf(kernel, buid) === undefined) return finished(kernel, frame, false);
      return call(kernel, { ...frame, at: 'acquiring' }, drcFrame(drcIndex, ACQUIRE_SLOT));
    case 'acquiring': {
      if (returnedRc(resumed) !== 0) return finished(kernel, frame, false);
      const devices = [...nodeOf(kernel, buid)!.devices, pci];
      const plugged = withDevices(withNode(kernel, buid, { devices }), [newDevice(pci.id, buid, pci)]);
      return call(
        withoutNote(plugged, drcIndex),
        { ...frame, at: 'settingUpDevices' },
        { fn: 'pci_dma_dev_setup_pSeriesLP', at: 'begin', buid, device: pci.id },
      );
    }
    default:
      return finished(kernel, frame, true);
  }
}

/** The window stays: its property is the PHB's. */
function removeDevice(
  kernel: GuestKernel,
  frame: DlparFrame,
  { drcIndex, device: id }: DlparRemoveDevice,
  resumed: Resumption,
): Step {
  const device = kernel.devices[id];
  switch (frame.at) {
    case 'begin':
      if (device === undefined || device.buid === null) return finished(kernel, frame, false);
      return call(kernel, { ...frame, at: 'marking' }, drcFrame(drcIndex, MARK_SLOT));
    case 'marking': {
      const buid = device!.buid!;
      const devices = nodeOf(kernel, buid)!.devices.filter((pci) => pci.id !== id);
      const gone = withoutDevices(withNode(kernel, buid, { devices }), (other) => other.id === id);
      return call(
        withoutNote(gone, drcIndex),
        { ...frame, at: 'releasing' },
        drcFrame(drcIndex, RELEASE_SLOT),
      );
    }
    default:
      return finished(kernel, frame, returnedRc(resumed) === 0);
  }
}

/**
 * The dynamic window is cleared and removed, the tables go, and then the connector is given up; nothing is
 * said to firmware about the default window.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: iommu_reconfig_notifier
 */
function removePhb(
  kernel: GuestKernel,
  frame: DlparFrame,
  { buid }: DlparRemovePhb,
  resumed: Resumption,
): Step {
  const node = nodeOf(kernel, buid);
  switch (frame.at) {
    case 'begin': {
      if (node === undefined) return finished(kernel, frame, false);
      const deviceless = withoutDevices(kernel, (device) => device.buid === buid);
      const window = node.ddwProperty;
      if (window === null) return goto(deviceless, { ...frame, at: 'removingWindow' });
      return call(
        deviceless,
        { ...frame, at: 'removingWindow' },
        {
          fn: 'remove_dma_window',
          at: 'begin',
          buid,
          liobn: window.liobn,
          steps: 'clean-and-remove',
          window,
        },
      );
    }
    case 'removingWindow':
      return lock(kernel, { ...frame, at: 'unlisting' }, 'dma_win_list_lock');
    case 'unlisting': {
      const { drcIndex } = node!;
      const gone = withoutNode(unlocked(kernel, 'dma_win_list_lock'), buid);
      return call(
        withoutNote(gone, drcIndex),
        { ...frame, at: 'releasing' },
        drcFrame(drcIndex, RELEASE_PHB),
      );
    }
    default:
      return finished(kernel, frame, returnedRc(resumed) === 0);
  }
}

/** The node with all that hung on it: tables, window, and that a window was refused. */
function withoutNode(kernel: GuestKernel, buid: Buid): GuestKernel {
  const tables = nodeOf(kernel, buid)!.group?.tables ?? [];
  const freed = tables.reduce<GuestKernel>((next, id) => (id === null ? next : tablePut(next, id)), kernel);
  return {
    ...freed,
    nodes: freed.nodes.filter((node) => node.buid !== buid),
    dmaWinList: freed.dmaWinList.filter((window) => window.buid !== buid),
    failedDdw: freed.failedDdw.filter((failed) => failed !== buid),
  };
}
