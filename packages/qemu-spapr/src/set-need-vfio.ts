import { type Liobn, unreachable } from '@spapr-dma/protocol';
import { tceTable } from '@spapr-dma/tce-table';
import type { EntryRuns, SetNeedVfioFrame } from './frames-qemu.js';
import { type EnabledTable, type QemuState, tableOf, withTable } from './state.js';
import { call, goto, kvmCall, type Resumption, ret, returned, type Step } from './steps.js';
import { runsOf } from './view.js';

/** The function to call where a window's first notifier comes or its last one goes, or where a command says so. */
export const setNeedVfio = (
  liobn: Liobn,
  needVfio: boolean,
  path: SetNeedVfioFrame['path'] = 'notifier',
): SetNeedVfioFrame => ({
  fn: 'spapr_tce_set_need_vfio',
  at: 'begin',
  liobn,
  needVfio,
  path,
  oldFd: -1,
  oldRuns: [],
});

/** Does this change make the view move? Not where KVM can drive hardware tables with the view that it has. */
function moves({ config }: QemuState, table: EnabledTable, { needVfio, path }: SetNeedVfioFrame): boolean {
  if (path === 'toQemu') return table.fd >= 0;
  const asked = { never: null, atHotplugPath: 'hotplug', atNotifierChange: 'notifier' } as const;
  if (asked[config.switches.reallocOnFirstVfio] !== path) return false;
  // Only the command's way leads back to KVM.
  if (!needVfio) return path === 'hotplug' && table.fd < 0 && config.kvm !== null;
  return !(table.fd >= 0 && config.kvm?.spaprTceVfio === true);
}

/** Where commands tell whether somebody listens, what notifiers say counts for nothing when the last one goes. */
const isDeaf = ({ config }: QemuState, { needVfio, path }: SetNeedVfioFrame): boolean =>
  !needVfio && path === 'notifier' && config.switches.unplugSync !== 'notifierDriven';

/**
 * Notes whether somebody listens to a window. A view in KVM that cannot drive hardware tables moves to QEMU: a new
 * one is made, the old one's entries are copied, then the old one is closed; what the guest writes by KVM in between
 * is lost (B-04), unless the switch reallocAtomic holds the vCPUs. It never moves back before the window is made
 * anew. Emulated devices find the new view from the moment it is there, empty as it is.
 * @see [QEMU] hw/ppc/spapr_iommu.c: spapr_tce_set_need_vfio, spapr_tce_notify_flag_changed
 */
export function spaprTceSetNeedVfio(qemu: QemuState, frame: SetNeedVfioFrame, resumed: Resumption): Step {
  const { liobn, needVfio } = frame;
  const table = tableOf(qemu, BigInt(liobn)) ?? unreachable('a table that is not is listened to');
  const atomic = qemu.config.kvm !== null && qemu.config.switches.reallocAtomic === 'true';
  switch (frame.at) {
    case 'begin': {
      if (isDeaf(qemu, frame)) return ret(qemu);
      const noted = withTable(qemu, { ...table, needVfio });
      if (table.mode !== 'enabled' || !moves(qemu, table, frame)) return ret(noted);
      const next: SetNeedVfioFrame = { ...frame, at: 'pausingVcpus', oldFd: table.fd };
      return atomic ? kvmCall(noted, next, { type: 'pause_all_vcpus' }) : goto(noted, next);
    }
    case 'pausingVcpus': {
      const { pageShift, busOffset, nbTable } = enabled(table);
      return call(
        qemu,
        { ...frame, at: 'allocated' },
        {
          fn: 'spapr_tce_alloc_table',
          at: 'begin',
          liobn,
          pageShift,
          busOffset,
          nbTable,
          needVfio,
          forceUserspace: frame.path === 'toQemu',
          fd: -1,
        },
      );
    }
    case 'allocated': {
      const old = enabled(table);
      const fd = returned(resumed) as number;
      const moved = withTable(qemu, { ...old, fd, view: tceTable(old.nbTable) });
      const next: SetNeedVfioFrame = { ...frame, at: 'copied', oldRuns: runsOf(old.view) };
      if (frame.oldFd < 0) return goto(moved, next);
      return call(moved, next, { fn: 'read_view', at: 'begin', liobn, fromKvm: true, index: 0, runs: [] });
    }
    case 'copied': {
      const runs = frame.oldFd < 0 ? frame.oldRuns : (returned(resumed) as EntryRuns);
      return call(
        qemu,
        { ...frame, at: 'written', oldRuns: [] },
        { fn: 'write_view', at: 'begin', liobn, runs },
      );
    }
    case 'written':
      return call(
        qemu,
        { ...frame, at: 'freed' },
        { fn: 'spapr_tce_free_table', at: 'begin', fd: frame.oldFd },
      );
    case 'freed':
      return atomic
        ? kvmCall(qemu, { ...frame, at: 'resumingVcpus' }, { type: 'resume_all_vcpus' })
        : ret(qemu);
    case 'resumingVcpus':
      return ret(qemu);
    default:
      return unreachable(`spapr_tce_set_need_vfio at ${frame.at satisfies never}`);
  }
}

const enabled = (table: ReturnType<typeof tableOf>): EnabledTable =>
  table?.mode === 'enabled' ? table : unreachable('a window went while its view moved');
