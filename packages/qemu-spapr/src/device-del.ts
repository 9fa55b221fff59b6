import { type DeviceDel, unreachable } from '@spapr-dma/protocol';
import { hasPhbConnectors, PHB_INDEX_MAX } from './config.js';
import { type Drc, emptyDrc, pciDrcIndex, phbDrcIndex, unplugRequested } from './drc.js';
import { hotplugEvent, monitorReturn, type Outcome, type QemuSent, traced } from './sent.js';
import { type Phb, phbOfIndex, type QemuState, type RcuCallback, withPhb } from './state.js';
import { withDevice } from './vfio-state.js';

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

/**
 * A PHB leaves the machine, and the devices behind it go with it. Its windows still answer hypercalls until an RCU
 * callback frees them; then they go without a line in the log.
 * @see [QEMU] hw/ppc/spapr_pci.c: spapr_phb_unrealize
 */
function phbLeft(qemu: QemuState, phb: Phb): QemuState {
  const bare = phb.slots.reduce((state, { devfn }) => withoutDevice(state, phb, devfn), qemu);
  return withPhb(bare, { ...phb, mode: 'dying', slots: [] });
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
  if (!isPhb || !hasPhbConnectors(config)) return undefined;
  return { kind: 'empty', drc: emptyDrc(index, 'logical') };
}

/** The connector with that index, or undefined. */
export function connectorOf(qemu: QemuState, index: number): Connector | undefined {
  for (const phb of qemu.phbs.filter(({ mode }) => mode === 'present')) {
    if (phb.drc.index === index && hasPhbConnectors(qemu.config)) return { kind: 'phb', phb, drc: phb.drc };
    const slot = phb.slots.find(({ drc }) => drc.index === index);
    if (slot !== undefined) return { kind: 'pci', phb, devfn: slot.devfn, drc: slot.drc };
  }
  return emptyConnectorOf(qemu, index);
}

/** The connectors of all PHBs and of the functions behind them, as far as they hold something. */
export const drcsOf = ({ phbs, config }: QemuState): readonly Drc[] =>
  phbs
    .filter(({ mode }) => mode === 'present')
    .flatMap(({ drc, slots }) => [
      ...(hasPhbConnectors(config) ? [drc] : []),
      ...slots.map((slot) => slot.drc),
    ]);

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
    if (!hasPhbConnectors(qemu.config)) return `${qemu.config.machine} has no connectors for PHBs`;
    return { kind: 'phb', phb, drc: phb.drc };
  }
  if (target.kind === 'memory') return 'memory cannot be taken back';
  const device = qemu.devices.find(({ id }) => id === target.id);
  const phb = device === undefined ? undefined : phbOfIndex(qemu, device.phb);
  const slot = phb?.slots.find(({ devfn }) => devfn === device?.devfn);
  if (phb === undefined || slot === undefined) return `there is no device ${target.id}`;
  return { kind: 'pci', phb, devfn: slot.devfn, drc: slot.drc };
}

/** What an unplug asks for: a PHB; a function; with function 0, all functions of its slot that are not asked for yet. */
function askedFor(at: Occupied): readonly Occupied[] {
  if (at.kind === 'phb' || at.devfn % 8 !== 0) return [at];
  const { phb, devfn } = at;
  const others = phb.slots.filter(
    (slot) => slot.devfn > devfn && slot.devfn < devfn + 8 && !slot.drc.unplugRequested,
  );
  return [...others.map((slot): Occupied => ({ kind: 'pci', phb, devfn: slot.devfn, drc: slot.drc })), at];
}

/** Whom the guest is told of: a PHB; with function 0, all functions of the slot that are still there, the last one first. */
function toldOf(qemu: QemuState, at: Occupied): readonly number[] {
  if (at.kind === 'phb') return connectorOf(qemu, at.drc.index)?.drc.unplugRequested ? [at.drc.index] : [];
  if (at.devfn % 8 !== 0) return [];
  const slots = phbOfIndex(qemu, at.phb.properties.index)?.slots ?? [];
  return slots
    .filter(({ devfn }) => devfn >= at.devfn && devfn < at.devfn + 8)
    .map(({ drc }) => drc.index)
    .reverse();
}

/**
 * Asks for a device back. The guest is told and decides; a connector that the guest does not use gives
 * its device up at once.
 * @see [QEMU] hw/ppc/spapr_drc.c: spapr_drc_unplug_request; hw/ppc/spapr_pci.c: spapr_pci_unplug_request
 */
export function deviceDel(qemu: QemuState, call: DeviceDel): Outcome {
  const target = targetOf(qemu, call);
  if (typeof target === 'string') return { qemu, sent: [monitorReturn('device_del', target)] };
  if (target.drc.unplugRequested) {
    return { qemu, sent: [monitorReturn('device_del', 'the device is on its way out already')] };
  }
  const logged: QemuSent[] = [];
  let asked = qemu;
  for (const { drc } of askedFor(target)) {
    const { index } = drc;
    const at = connectorOf(asked, index) ?? unreachable('a connector went while it was asked for its device');
    const { drc: next, released } = unplugRequested(at.drc);
    asked = withConnector(asked, at, next, released);
    logged.push(traced({ event: 'spapr_drc_unplug_request', index }));
    if (!released) logged.push(traced({ event: 'spapr_drc_awaiting_quiesce', index }));
  }
  const told = toldOf(asked, target).map((index) => hotplugEvent('remove', target.kind, index));
  return { qemu: asked, sent: [...logged, ...told, monitorReturn('device_del')] };
}
