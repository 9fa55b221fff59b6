import {
  DEFAULT_WINDOW_PAGE_SHIFT,
  type DeviceAdd,
  type MemoryDevice,
  type PciDevice,
  PHB_WINDOWS_MAX,
  type PhbDevice,
  tceCount,
  type VioDevice,
} from '@spapr-dma/protocol';
import { tceTable } from '@spapr-dma/tce-table';
import { PHB_INDEX_MAX, phbProperties } from './config.js';
import { attached, coldDrc, emptyDrc, pciDrcIndex, phbDrcIndex } from './drc.js';
import { phbDmaReset } from './phb-dma-reset.js';
import { aborts, DUPLICATE_ASSERTION } from './qemu-abort.js';
import { hotplugEvent, monitorReturn, type Outcome, type QemuSent, traced } from './sent.js';
import {
  type Phb,
  phbOfIndex,
  type QemuState,
  type SpaprTceTable,
  vioOf,
  withPhb,
  withTable,
  withVio,
} from './state.js';
import { buidOf, pciLiobn, slotOrderOf, vioLiobn } from './window-slots.js';

/** Whether a device comes with the machine or into the running one. */
export type Plug = 'cold' | 'hot';

const done = (qemu: QemuState, sent: readonly QemuSent[] = []): Outcome => ({
  qemu,
  sent: [...sent, monitorReturn('device_add')],
});
const error = (qemu: QemuState, why: string): Outcome => ({ qemu, sent: [monitorReturn('device_add', why)] });

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
function addPhb(qemu: QemuState, device: PhbDevice, plug: Plug): Outcome {
  const { index } = device;
  if (!Number.isInteger(index) || index < 0 || index > PHB_INDEX_MAX) {
    return error(qemu, `PHB index ${index} is not 0 to ${PHB_INDEX_MAX}`);
  }
  const other = phbOfIndex(qemu, index);
  if (other?.mode === 'present') return error(qemu, `PHB ${index} is there already`);
  if (other?.mode === 'dying') return aborts(qemu, [], DUPLICATE_ASSERTION);
  const properties = phbProperties(qemu.config.machine, device);
  const drcIndex = phbDrcIndex(index);
  const phb: Phb = {
    mode: 'present',
    properties,
    buid: buidOf(index),
    slotOrder: slotOrderOf(index),
    notifiers: 0,
    drc: plug === 'cold' ? coldDrc(drcIndex, 'logical') : attached(emptyDrc(drcIndex, 'logical')),
    slots: [],
  };
  const slots = ([0, 1] as const).slice(0, properties.ddw ? PHB_WINDOWS_MAX : 1);
  const realized = slots.reduce(
    (state, slot) => withTable(state, slotTable(index, slot)),
    withPhb(qemu, phb),
  );
  const attach = traced({ event: 'spapr_drc_attach', index: drcIndex });
  if (plug === 'cold') return done(realized, [attach]);
  const reset = phbDmaReset(realized, phb);
  return done(reset.qemu, [...reset.sent, attach, hotplugEvent('add', 'phb', drcIndex)]);
}

/** A VIO device; its table is there from the beginning, and needs no reset. */
function addVio(qemu: QemuState, { driver, reg, rtceWindowBytes }: VioDevice, plug: Plug): Outcome {
  if (plug === 'hot') return error(qemu, `${driver} cannot be hot-plugged`);
  if (vioOf(qemu, BigInt(reg)) !== undefined)
    return error(qemu, `VIO address 0x${reg.toString(16)} is taken`);
  const hasTable = rtceWindowBytes > 0n;
  const withDevice = withVio(qemu, { reg, hasTable, supportsCrq: driver === 'spapr-vscsi', crq: 'free' });
  if (!hasTable) return done(withDevice);
  const nbTable = tceCount(Number(rtceWindowBytes >> BigInt(DEFAULT_WINDOW_PAGE_SHIFT)));
  const table: SpaprTceTable = {
    mode: 'enabled',
    liobn: vioLiobn(reg),
    owner: { kind: 'vio', reg },
    defWin: false,
    bypass: false,
    needVfio: false,
    skippingReplay: false,
    pageShift: DEFAULT_WINDOW_PAGE_SHIFT,
    busOffset: 0n,
    nbTable,
    region: { start: 0n, bytes: rtceWindowBytes },
    view: tceTable(nbTable),
    fd: -1,
  };
  const logged = traced({
    event: 'spapr_iommu_new_table',
    liobn: BigInt(table.liobn),
    table: 'allocated',
    fd: -1,
  });
  return done(withTable(withDevice, table), [logged]);
}

/** A PCI function: the windows of its PHB serve it too, so nothing of the IOMMU changes. */
function addPci(qemu: QemuState, device: PciDevice, plug: Plug): Outcome {
  const phb = phbOfIndex(qemu, device.phb);
  if (phb?.mode !== 'present') return error(qemu, `there is no PHB ${device.phb}`);
  if (qemu.devices.some(({ id }) => id === device.id)) return error(qemu, `device id ${device.id} is taken`);
  if (phb.slots.some(({ devfn, drc }) => devfn === device.devfn && drc.occupied)) {
    return error(qemu, `slot ${device.devfn >> 3} function ${device.devfn & 7} is taken`);
  }
  const index = pciDrcIndex(device.phb, device.devfn);
  const drc = plug === 'cold' ? coldDrc(index, 'physical') : attached(emptyDrc(index, 'physical'));
  const others = phb.slots.filter(({ devfn }) => devfn !== device.devfn);
  const slots = [...others, { devfn: device.devfn, drc }].sort((a, b) => a.devfn - b.devfn);
  const devices = [...qemu.devices, device].sort((a, b) => (a.id < b.id ? -1 : 1));
  const told = plug === 'hot' ? [hotplugEvent('add', 'pci', index)] : [];
  return done({ ...withPhb(qemu, { ...phb, slots }), devices }, [
    traced({ event: 'spapr_drc_attach', index }),
    ...told,
  ]);
}

/** Memory: devices reach it as soon as it is there, the guest hears of it afterwards. */
function addMemory(qemu: QemuState, { gpa, bytes }: MemoryDevice, plug: Plug): Outcome {
  if (qemu.ram.some((block) => gpa < block.gpa + block.bytes && block.gpa < gpa + bytes)) {
    return error(qemu, `memory at 0x${gpa.toString(16)} overlaps other memory`);
  }
  const ram = [...qemu.ram, { gpa, bytes }].sort((a, b) => (a.gpa < b.gpa ? -1 : 1));
  return done({ ...qemu, ram }, plug === 'hot' ? [hotplugEvent('add', 'memory', 0, { gpa, bytes })] : []);
}

/** Adds a device, or tells why not. */
export function deviceAdd(qemu: QemuState, { device }: DeviceAdd, plug: Plug): Outcome {
  switch (device.driver) {
    case 'spapr-pci-host-bridge':
      return addPhb(qemu, device, plug);
    case 'pci':
      return addPci(qemu, device, plug);
    case 'pc-dimm':
      return addMemory(qemu, device, plug);
    case 'vfio-pci':
      return error(qemu, 'this machine has no VFIO');
    default:
      return addVio(qemu, device, plug);
  }
}
