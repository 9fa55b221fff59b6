import { unreachable } from '@spapr-dma/protocol';
import { connectorOf, drcsOf, withConnector } from './device-del.js';
import { drcReset } from './drc.js';
import type { SystemResetFrame } from './frames-qemu.js';
import { phbDmaReset } from './phb-dma-reset.js';
import { type QemuSent, traced } from './sent.js';
import { phbOfIndex, phbsMade, type QemuState, windowsOfPhb } from './state.js';
import { abort, call, callOrGo, goto, kvmCall, type Resumption, ret, returned, type Step } from './steps.js';
import { phbWasReset } from './vfio-hooks.js';
import { isInKvm, wholeOf, windowOf } from './view.js';
import { allViosReset } from './vio-reset.js';

/** Connectors with a device or with something pending, in the order of their index. */
const connectorsOf = (qemu: QemuState): readonly number[] =>
  drcsOf(qemu)
    .map(({ index }) => index)
    .sort((a, b) => a - b);

/** A machine reset, unlike `quiesce`, puts every VIO device back to translating. */
const withoutBypass = (qemu: QemuState): QemuState => ({
  ...qemu,
  tables: qemu.tables.map((table) => (table.bypass ? { ...table, bypass: false } : table)),
});

/** The function to call. The first reset is part of QEMU's start, when no vCPU runs yet. */
export const systemReset = (qemu: QemuState, first: boolean): SystemResetFrame => ({
  fn: 'spapr_machine_reset',
  at: 'requested',
  holdsVcpus: qemu.config.kvm !== null && !first,
  phbs: phbsMade(qemu)
    .map(({ properties }) => properties.index)
    .reverse(),
  liobns: [],
});

/**
 * Machine reset. Every PHB, the one that was made last first, gets its default window; VIO devices are put back; connectors whose unplug waits
 * lose their device. TCEs of the fresh windows are 0, and are written all the same, which brings in every page of
 * a view in KVM; who listens hears nothing of it. vCPUs are held from before the first PHB until all is done.
 *
 * Abstraction: a call that a vCPU has left the kernel with waits for the big lock, and is answered after the reset; QEMU
 * lets it finish before, and the vCPU forgets it.
 * Abstraction: the connectors, whose order is that of a hash table in QEMU, are reset by index.
 * @see [QEMU] hw/ppc/spapr.c: spapr_machine_reset; hw/ppc/spapr_pci.c: spapr_phb_reset
 * @see [QEMU] softmmu/runstate.c: main_loop_should_exit
 */
export function spaprMachineReset(qemu: QemuState, frame: SystemResetFrame, resumed: Resumption): Step {
  switch (frame.at) {
    case 'requested': {
      if (!frame.holdsVcpus) return goto(qemu, { ...frame, at: 'begin' });
      return kvmCall(qemu, { ...frame, at: 'pausingVcpus' }, { type: 'pause_all_vcpus' });
    }
    case 'pausingVcpus':
      return goto(qemu, { ...frame, at: 'begin' });
    case 'begin': {
      const [index] = frame.phbs;
      if (index === undefined) return call(qemu, { ...frame, at: 'viosReset' }, allViosReset(qemu));
      return call(qemu, { ...frame, at: 'phbReset' }, phbDmaReset(index));
    }
    case 'phbReset': {
      const failed = returned(resumed);
      if (typeof failed === 'string' && failed !== '') return abort(qemu, failed);
      const [index = -1] = frame.phbs;
      if (phbOfIndex(qemu, index) === undefined) unreachable(`PHB ${index} went in its reset`);
      const inKvm = windowsOfPhb(qemu, index).filter(isInKvm);
      return goto(qemu, { ...frame, at: 'zeroed', liobns: inKvm.map(({ liobn }) => liobn) });
    }
    case 'zeroed': {
      const [liobn, ...liobns] = frame.liobns;
      if (liobn === undefined) {
        const next: SystemResetFrame = { ...frame, at: 'begin', phbs: frame.phbs.slice(1) };
        return callOrGo(qemu, next, phbWasReset(qemu, frame.phbs[0] ?? -1));
      }
      const runs = wholeOf(windowOf(qemu, liobn), 0n);
      return call(qemu, { ...frame, liobns }, { fn: 'write_view', at: 'begin', liobn, runs });
    }
    case 'viosReset': {
      const sent: QemuSent[] = [];
      let next = withoutBypass(qemu);
      for (const index of connectorsOf(next)) {
        const at = connectorOf(next, index);
        if (at === undefined) continue;
        const { drc, released } = drcReset(at.drc);
        next = withConnector(next, at, drc, released);
        sent.push(traced({ event: 'spapr_drc_reset', index }));
      }
      return frame.holdsVcpus
        ? kvmCall(next, { ...frame, at: 'resumingVcpus' }, { type: 'resume_all_vcpus' }, sent)
        : ret(next, null, sent);
    }
    case 'resumingVcpus':
      return ret(qemu);
    default:
      return unreachable(`spapr_machine_reset at ${frame.at satisfies never}`);
  }
}
