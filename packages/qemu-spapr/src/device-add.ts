import {
  type Device,
  type PciDevice,
  PHB_WINDOWS_MAX,
  type PhbDevice,
  unreachable,
  type VfioPciDevice,
} from '@spapr-dma/protocol';
import { addMemory } from './add-memory.js';
import { addVio } from './add-vio.js';
import { hasPhbConnectors, PHB_INDEX_MAX, phbProperties } from './config.js';
import { added, addFailed } from './device-added.js';
import { attached, coldDrc, emptyDrc, pciDrcIndex, phbDrcIndex } from './drc.js';
import type { DeviceAddFrame } from './frames-qemu.js';
import { phbDmaReset } from './phb-dma-reset.js';
import { DUPLICATE_ASSERTION, NO_FUNCTION_0, TWO_ERRORS_ASSERTION } from './qemu-abort.js';
import { syncVfio } from './rcu.js';
import { hotplugEvent, traced } from './sent.js';
import {
  type Phb,
  phbOfIndex,
  phbsMade,
  type QemuState,
  type SpaprTceTable,
  withPhb,
  withTable,
} from './state.js';
import { abort, call, type Resumption, returned, type Step } from './steps.js';
import { connectDevice } from './vfio-hooks.js';
import { buidOf, pciLiobn, slotOrderOf } from './window-slots.js';

/** The function to call. */
export const deviceAdd = (device: Device, plug: DeviceAddFrame['plug']): DeviceAddFrame => ({
  fn: 'qdev_device_add',
  at: 'begin',
  device,
  plug,
});

const slotTable = (index: number, slot: 0 | 1): SpaprTceTable => ({
  mode: 'disabled',
  liobn: pciLiobn(index, slot),
  owner: { kind: 'phb', index, slot },
  defWin: false,
  bypass: false,
  needVfio: false,
  skippingReplay: false,
});

/**
 * A PHB with its window slots, both empty: two where it has dynamic windows, else one. Plugged into a
 * running machine it is reset at once, which makes its default window.
 * @see [QEMU] hw/ppc/spapr_pci.c: spapr_phb_realize; hw/ppc/spapr.c: spapr_phb_plug
 */
function addPhb(qemu: QemuState, frame: DeviceAddFrame, device: PhbDevice, resumed: Resumption): Step {
  const { index } = device;
  const { plug } = frame;
  const drcIndex = phbDrcIndex(index);
  const attach = hasPhbConnectors(qemu.config)
    ? [traced({ event: 'spapr_drc_attach', index: drcIndex })]
    : [];
  if (frame.at === 'phbReset') {
    const failed = returned(resumed);
    if (typeof failed === 'string' && failed !== '') return abort(qemu, failed);
    return added(qemu, [...attach, hotplugEvent('add', 'phb', drcIndex)]);
  }
  if (!Number.isInteger(index) || index < 0 || index > PHB_INDEX_MAX) {
    return addFailed(qemu, `PHB index ${index} is not 0 to ${PHB_INDEX_MAX}`);
  }
  if (plug === 'hot' && !hasPhbConnectors(qemu.config)) {
    return addFailed(qemu, `${qemu.config.machine} has no connectors for PHBs`);
  }
  const other = phbOfIndex(qemu, index);
  if (other?.mode === 'present') return addFailed(qemu, `PHB ${index} is there already`);
  if (other?.mode === 'dying') return abort(qemu, DUPLICATE_ASSERTION);
  const properties = phbProperties(qemu.config.machine, device);
  const phb: Phb = {
    mode: 'present',
    properties,
    buid: buidOf(index),
    section: (phbsMade(qemu).at(-1)?.section ?? -1) + 1,
    slotOrder: slotOrderOf(index),
    notifiers: 0,
    hasVfio: false,
    drc: plug === 'cold' ? coldDrc(drcIndex, 'logical') : attached(emptyDrc(drcIndex, 'logical')),
    slots: [],
  };
  const slots = ([0, 1] as const).slice(0, properties.ddw ? PHB_WINDOWS_MAX : 1);
  const realized = slots.reduce(
    (state, slot) => withTable(state, slotTable(index, slot)),
    withPhb(qemu, phb),
  );
  if (plug === 'cold') return added(realized, attach);
  return call(realized, { ...frame, at: 'phbReset' }, phbDmaReset(index));
}

/** Functions of one slot. */
const slotOf = (devfn: number): number => devfn >> 3;
const functionOf = (devfn: number): number => devfn & 7;

/**
 * Why a function cannot be plugged; undefined where it can. The guest looks at a slot when its function 0 comes, so
 * nothing may come after it.
 */
function pciRefusal(
  qemu: QemuState,
  { id, phb: index, devfn }: PciDevice | VfioPciDevice,
  plug: DeviceAddFrame['plug'],
): string | undefined {
  const phb = phbOfIndex(qemu, index);
  if (phb?.mode !== 'present') return `there is no PHB ${index}`;
  if (qemu.devices.some((other) => other.id === id)) return `device id ${id} is taken`;
  const name = `slot ${slotOf(devfn)} function ${functionOf(devfn)}`;
  const isTaken = (place: number) => phb.slots.some((slot) => slot.devfn === place && slot.drc.occupied);
  if (isTaken(devfn)) return `${name} is taken`;
  const first = devfn - functionOf(devfn);
  if (plug === 'hot' && devfn !== first && isTaken(first)) return `${name} comes after function 0`;
  return undefined;
}

/**
 * What ends QEMU where it would refuse a function; undefined where it does refuse it. One that is not function 0 and
 * whose place is taken is refused by the name of function 0, and once more where that is there.
 */
function endOfRefusal(
  qemu: QemuState,
  { id, phb: index, devfn }: PciDevice | VfioPciDevice,
  plug: DeviceAddFrame['plug'],
): string | undefined {
  const slots = phbOfIndex(qemu, index)?.slots ?? [];
  const isThere = (place: number) => slots.some((slot) => slot.devfn === place);
  const isNameTaken = qemu.devices.some((other) => other.id === id);
  if (plug === 'cold' || functionOf(devfn) === 0 || isNameTaken || !isThere(devfn)) return undefined;
  return isThere(devfn - functionOf(devfn)) ? TWO_ERRORS_ASSERTION : NO_FUNCTION_0;
}

/** The refusal of a function, or the end of QEMU; undefined where the function can be plugged. */
function pciRefused(
  qemu: QemuState,
  device: PciDevice | VfioPciDevice,
  plug: DeviceAddFrame['plug'],
): Step | undefined {
  const why = pciRefusal(qemu, device, plug);
  if (why === undefined) return undefined;
  const end = endOfRefusal(qemu, device, plug);
  return end === undefined ? addFailed(qemu, why) : abort(qemu, end);
}

/**
 * A PCI function: the windows of its PHB serve it too, so nothing of the IOMMU changes. The guest hears of a slot's
 * functions with function 0.
 * @see [QEMU] hw/ppc/spapr_pci.c: spapr_pci_pre_plug, spapr_pci_plug
 */
function addPci(qemu: QemuState, device: PciDevice | VfioPciDevice, plug: DeviceAddFrame['plug']): Step {
  const refused = pciRefused(qemu, device, plug);
  if (refused !== undefined) return refused;
  const phb = phbOfIndex(qemu, device.phb) ?? unreachable(`there is no PHB ${device.phb}`);
  const { devfn } = device;
  const index = pciDrcIndex(device.phb, devfn);
  const drc = plug === 'cold' ? coldDrc(index, 'physical') : attached(emptyDrc(index, 'physical'));
  const others = phb.slots.filter((slot) => slot.devfn !== devfn);
  const slots = [...others, { devfn, drc }].sort((a, b) => a.devfn - b.devfn);
  const devices = [...qemu.devices, device].sort((a, b) => (a.id < b.id ? -1 : 1));
  const isTold = plug === 'hot' && functionOf(devfn) === 0;
  const told = isTold ? slots.filter((slot) => slotOf(slot.devfn) === slotOf(devfn)) : [];
  return added({ ...withPhb(qemu, { ...phb, slots }), devices }, [
    traced({ event: 'spapr_drc_attach', index }),
    ...told.map((slot) => hotplugEvent('add', 'pci', slot.drc.index)),
  ]);
}

/**
 * A function of the host: its group's windows are made and filled before the guest hears of it.
 * @see [QEMU] hw/vfio/pci.c: vfio_realize; hw/ppc/spapr_pci.c: spapr_pci_plug
 */
function addVfio(qemu: QemuState, frame: DeviceAddFrame, device: VfioPciDevice, resumed: Resumption): Step {
  if (frame.at === 'connected') {
    const failed = returned(resumed);
    if (typeof failed === 'string' && failed !== '') return addFailed(qemu, failed);
    if (qemu.config.switches.reallocOnFirstVfio !== 'atHotplugPath') return addPci(qemu, device, frame.plug);
    return call(qemu, { ...frame, at: 'synced' }, syncVfio(device.phb));
  }
  if (frame.at === 'synced') return addPci(qemu, device, frame.plug);
  const refused = pciRefused(qemu, device, frame.plug);
  if (refused !== undefined) return refused;
  const connect = connectDevice(qemu, device);
  if (connect === null) return addFailed(qemu, 'this machine has no VFIO');
  return call(qemu, { ...frame, at: 'connected' }, connect);
}

/** Adds a device, or tells why not. Returns '' or the reason. */
export function qdevDeviceAdd(qemu: QemuState, frame: DeviceAddFrame, resumed: Resumption): Step {
  const { device, plug } = frame;
  switch (device.driver) {
    case 'spapr-pci-host-bridge':
      return addPhb(qemu, frame, device, resumed);
    case 'pci':
      return addPci(qemu, device, plug);
    case 'vfio-pci':
      return addVfio(qemu, frame, device, resumed);
    case 'pc-dimm':
      return addMemory(qemu, frame, device);
    default:
      return addVio(qemu, frame, device);
  }
}
