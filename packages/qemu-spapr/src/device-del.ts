import type { DeviceDel } from '@spapr-dma/protocol';
import { isUpTo, PHB_INDEX_MAX } from './config.js';
import { type Drc, emptyDrc, pciDrcIndex, phbDrcIndex, unplugRequested } from './drc.js';
import { hotplugEvent, monitorReturn, type Outcome, type QemuSent, traced } from './sent.js';
import { type Phb, phbOfIndex, type QemuState, type RcuCallback, withPhb } from './state.js';
import { withDevice } from './vfio-state.js';

/**
 * A PHB leaves the machine. Its windows still answer hypercalls until an RCU callback frees them; then they
 * go without a line in the log.
 * @see [QEMU] hw/ppc/spapr_pci.c: spapr_phb_unrealize
 */
const phbLeft = (qemu: QemuState, phb: Phb): QemuState => ({
  ...withPhb(qemu, { ...phb, mode: 'dying', slots: [] }),
  devices: qemu.devices.filter((device) => device.phb !== phb.properties.index),
});

/**
 * A device leaves its slot; the windows of its PHB stay. One that was passed through is finalized later, by an RCU
 * callback; where the PHB asks anew whether such a device is behind it, it does so after that, or at once, when the
 * answer is still yes (B-06).
 */
function withoutDevice(qemu: QemuState, phb: Phb, devfn: number): QemuState {
  const { index } = phb.properties;
  const isIt = (device: { readonly phb: number; readonly devfn: number }) =>
    device.phb === index && device.devfn === devfn;
  const device = qemu.devices.find(isIt);
  const without = { ...qemu, devices: qemu.devices.filter((other) => !isIt(other)) };
  const passed = qemu.vfio.devices.find(({ id }) => id === device?.id);
  if (passed === undefined) return without;
  const finalize: RcuCallback = { kind: 'vfio-device', id: passed.id };
  const sync: RcuCallback = { kind: 'sync', phb: index };
  return {
    ...without,
    vfio: withDevice(qemu.vfio, { ...passed, mode: 'leaving' }),
    rcu: [...qemu.rcu, finalize, ...(qemu.config.switches.unplugSync === 'rcuOrdered' ? [sync] : [])],
  };
}

/** Where a connector sits that holds something. */
type Occupied =
  | { readonly kind: 'phb'; readonly phb: Phb; readonly drc: Drc }
  | { readonly kind: 'pci'; readonly phb: Phb; readonly devfn: number; readonly drc: Drc };
/** A connector: an empty one never changes by what the guest does, so the state does not hold it. */
export type Connector = Occupied | { readonly kind: 'empty'; readonly drc: Drc };

/**
 * A connector that holds nothing: every PHB has one for each of its 256 functions, and a machine from
 * pseries-4.0 on has one for each PHB that it could have.
 */
function emptyConnectorOf({ phbs, config }: QemuState, index: number): Connector | undefined {
  const isSlot = phbs.some(
    ({ mode, properties }) => mode === 'present' && (index & ~0xff) === pciDrcIndex(properties.index, 0),
  );
  if (isSlot) return { kind: 'empty', drc: emptyDrc(index, 'physical') };
  const isPhb = index >= phbDrcIndex(0) && index <= phbDrcIndex(PHB_INDEX_MAX);
  if (!isPhb || isUpTo(config.machine, 3, 1)) return undefined;
  return { kind: 'empty', drc: emptyDrc(index, 'logical') };
}

/** The connector with that index, or undefined. */
export function connectorOf(qemu: QemuState, index: number): Connector | undefined {
  for (const phb of qemu.phbs.filter(({ mode }) => mode === 'present')) {
    if (phb.drc.index === index) return { kind: 'phb', phb, drc: phb.drc };
    const slot = phb.slots.find(({ drc }) => drc.index === index);
    if (slot !== undefined) return { kind: 'pci', phb, devfn: slot.devfn, drc: slot.drc };
  }
  return emptyConnectorOf(qemu, index);
}

/** The same state with a connector's new condition; what it releases is gone. */
export function withConnector(qemu: QemuState, at: Connector, drc: Drc, released: boolean): QemuState {
  if (at.kind === 'empty' || drc === at.drc) return qemu;
  if (at.kind === 'phb') {
    if (released) return phbLeft(qemu, { ...at.phb, drc });
    return withPhb(qemu, { ...at.phb, drc });
  }
  if (released) {
    const left = at.phb.slots.filter(({ devfn }) => devfn !== at.devfn);
    return withoutDevice(withPhb(qemu, { ...at.phb, slots: left }), at.phb, at.devfn);
  }
  const slots = at.phb.slots.map((slot) => (slot.devfn === at.devfn ? { ...slot, drc } : slot));
  return withPhb(qemu, { ...at.phb, slots });
}

function targetOf(qemu: QemuState, { target }: DeviceDel): Occupied | string {
  if (target.kind === 'phb') {
    const phb = phbOfIndex(qemu, target.index);
    if (phb?.mode !== 'present') return `there is no PHB ${target.index}`;
    // The machine's own PHB has no id that one could name.
    if (target.index === 0) return 'PHB 0 belongs to the machine';
    const busy = qemu.devices.some((device) => device.phb === target.index);
    return busy ? `PHB ${target.index} still holds devices` : { kind: 'phb', phb, drc: phb.drc };
  }
  if (target.kind === 'memory') return 'memory cannot be taken back';
  const device = qemu.devices.find(({ id }) => id === target.id);
  const phb = device === undefined ? undefined : phbOfIndex(qemu, device.phb);
  const slot = phb?.slots.find(({ devfn }) => devfn === device?.devfn);
  if (phb === undefined || slot === undefined) return `there is no device ${target.id}`;
  return { kind: 'pci', phb, devfn: slot.devfn, drc: slot.drc };
}

/**
 * Asks for a device back. The guest is told and decides; a connector that the guest does not use gives
 * its device up at once.
 * @see [QEMU] hw/ppc/spapr_drc.c: spapr_drc_unplug_request
 */
export function deviceDel(qemu: QemuState, call: DeviceDel): Outcome {
  const at = targetOf(qemu, call);
  if (typeof at === 'string') return { qemu, sent: [monitorReturn('device_del', at)] };
  if (at.drc.unplugRequested) {
    return { qemu, sent: [monitorReturn('device_del', 'the device is on its way out already')] };
  }
  const { drc, released } = unplugRequested(at.drc);
  const { index } = at.drc;
  const logged: QemuSent[] = [traced({ event: 'spapr_drc_unplug_request', index })];
  if (!released) logged.push(traced({ event: 'spapr_drc_awaiting_quiesce', index }));
  return {
    qemu: withConnector(qemu, at, drc, released),
    sent: [
      ...logged,
      ...(released ? [] : [hotplugEvent('remove', at.kind, index)]),
      monitorReturn('device_del'),
    ],
  };
}
