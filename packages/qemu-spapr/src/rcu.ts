import type { RcuFrame, SyncVfioFrame } from './frames-qemu.js';
import { setNeedVfio } from './set-need-vfio.js';
import { phbOfIndex, type QemuState, windowsOfPhb, withPhb } from './state.js';
import { call, callOrGo, goto, ret, type Step } from './steps.js';
import { disconnectDevice } from './vfio-hooks.js';
import { containersOfPhb } from './vfio-state.js';

/** Is there something for the RCU thread? */
export const hasCallbacks = ({ rcu, phbs }: QemuState): boolean =>
  rcu.length > 0 || phbs.some(({ mode }) => mode === 'dying');

/** What is left of PHBs that have gone, their windows first. */
const dyingOf = ({ phbs }: QemuState): readonly number[] =>
  phbs.filter(({ mode }) => mode === 'dying').map(({ properties }) => properties.index);

/**
 * The RCU thread takes the big lock and runs a callback, the oldest first: a VFIO device is finalized, with which
 * its group and container may go; what is left of the PHBs that have gone is freed, without a line in the log.
 *
 * Abstraction: all PHBs that have gone are freed by one callback.
 * @see [QEMU] util/rcu.c: call_rcu_thread; hw/vfio/pci.c: vfio_instance_finalize
 */
export function callRcuThread(qemu: QemuState, frame: RcuFrame): Step {
  if (frame.at === 'freed') return ret(qemu);
  const [callback, ...rcu] = qemu.rcu;
  const next: RcuFrame = { ...frame, at: 'freed' };
  if (callback === undefined) return freePhbs(qemu, frame);
  const taken = { ...qemu, rcu };
  return callback.kind === 'sync'
    ? call(taken, next, syncVfio(callback.phb))
    : callOrGo(taken, next, disconnectDevice(taken, callback.id));
}

function freePhbs(qemu: QemuState, frame: RcuFrame): Step {
  const dying = dyingOf(qemu);
  const window = dying.flatMap((index) => windowsOfPhb(qemu, index)).find(({ fd }) => fd >= 0);
  if (window !== undefined) {
    return call(qemu, frame, { fn: 'spapr_tce_table_disable', at: 'begin', liobn: window.liobn });
  }
  return ret({
    ...qemu,
    phbs: qemu.phbs.filter(({ mode }) => mode === 'present'),
    tables: qemu.tables.filter(({ owner }) => owner.kind !== 'phb' || !dying.includes(owner.index)),
  });
}

/** The function to call. */
export const syncVfio = (index: number): SyncVfioFrame => ({
  fn: 'spapr_phb_dma_capabilities_update',
  at: 'begin',
  index,
  hasVfio: false,
  liobns: [],
});

/**
 * A PHB asks whether a VFIO device is behind it, by the containers of its address space, and moves its views where
 * the answer has changed. Asked before a device's container is gone, it is answered wrongly (B-06).
 *
 * A proposal of 2015 that qemu-2.5 made in part and that notifiers replaced; see the switch unplugSync.
 */
export function spaprPhbDmaCapabilitiesUpdate(qemu: QemuState, frame: SyncVfioFrame): Step {
  const { index } = frame;
  const phb = phbOfIndex(qemu, index);
  if (phb === undefined) return ret(qemu);
  if (frame.at === 'begin') {
    const hasVfio = containersOfPhb(qemu.vfio, index).length > 0;
    const liobns = windowsOfPhb(qemu, index).map(({ liobn }) => liobn);
    return goto(withPhb(qemu, { ...phb, hasVfio }), { ...frame, at: 'moved', hasVfio, liobns });
  }
  const [liobn, ...liobns] = frame.liobns;
  if (liobn === undefined) return ret(qemu);
  return call(qemu, { ...frame, liobns }, setNeedVfio(liobn, frame.hasVfio, 'hotplug'));
}
