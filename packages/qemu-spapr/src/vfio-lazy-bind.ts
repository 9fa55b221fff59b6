import { unreachable } from '@spapr-dma/protocol';
import { tceTable } from '@spapr-dma/tce-table';
import type { BindViewFrame } from './frames-vfio.js';
import { type EnabledTable, type QemuState, type TableOwner, withTable } from './state.js';
import { call, kvmCall, type Resumption, ret, returned, type Step } from './steps.js';
import { errorReport } from './vfio-sent.js';
import { runsOf, windowOf } from './view.js';

/** Does a new window wait for its first entry before KVM gets its view? */
export const bindsLate = ({ config }: QemuState, owner: TableOwner): boolean =>
  config.switches.replayPolicy === 'lazyBind' && config.kvm !== null && owner.kind === 'phb';

/** Is the view still QEMU's because nothing was put into it, or because KVM could not have it? */
export const isUnbound = (qemu: QemuState, table: EnabledTable): boolean =>
  table.fd < 0 && bindsLate(qemu, table.owner);

/** The function to call before an entry is written; null where the view is where it shall be. */
export const bindView = (qemu: QemuState, table: EnabledTable, tce: bigint): BindViewFrame | null =>
  isUnbound(qemu, table) && (tce & 3n) !== 0n
    ? { fn: 'spapr_tce_bind', at: 'begin', liobn: table.liobn, groups: [] }
    : null;

/**
 * Makes a window's view in KVM when the first entry comes, and ties the groups of all containers that listen to it.
 * Until then the window was empty, so that nobody who came had anything to replay. vCPUs are held meanwhile, or what
 * another one put before the groups are tied would not reach the hardware. Where KVM cannot have the view it stays
 * in QEMU, and the next entry asks again.
 *
 * A proposal that was never built; see the switch replayPolicy.
 */
export function spaprTceBind(qemu: QemuState, frame: BindViewFrame, resumed: Resumption): Step {
  const { liobn } = frame;
  const table = windowOf(qemu, liobn);
  switch (frame.at) {
    case 'begin':
      return kvmCall(qemu, { ...frame, at: 'pausingVcpus' }, { type: 'pause_all_vcpus' });
    case 'pausingVcpus': {
      const { pageShift, busOffset, nbTable, needVfio } = table;
      const shape = { liobn, pageShift, busOffset, nbTable, needVfio };
      return call(
        qemu,
        { ...frame, at: 'allocated' },
        { fn: 'spapr_tce_alloc_table', at: 'begin', ...shape, forceUserspace: false, fd: -1 },
      );
    }
    case 'allocated': {
      const fd = returned(resumed) as number;
      if (fd < 0) return resume(qemu, frame);
      const groups = qemu.config.kvm?.spaprTceVfio === true ? listening(qemu, liobn) : [];
      return call(
        withTable(qemu, { ...table, fd, view: tceTable(table.nbTable) }),
        { ...frame, at: 'copied', groups },
        { fn: 'write_view', at: 'begin', liobn, runs: runsOf(table.view) },
      );
    }
    case 'copied':
      return tieNext(qemu, frame);
    case 'tied': {
      const error = String(returned(resumed));
      const next = { ...frame, groups: frame.groups.slice(1) };
      return tieNext(qemu, next, error === '' ? [] : [errorReport(error)]);
    }
    case 'resumingVcpus':
      return ret(qemu);
    default:
      return unreachable(`spapr_tce_bind at ${frame.at satisfies never}`);
  }
}

const listening = ({ vfio }: QemuState, liobn: number): readonly number[] =>
  vfio.containers
    .filter(({ giommus }) => giommus.some((giommu) => giommu.liobn === liobn))
    .flatMap(({ groups }) => groups);

function tieNext(qemu: QemuState, frame: BindViewFrame, sent: Step['sent'] = []): Step {
  const [group] = frame.groups;
  if (group === undefined) return resume(qemu, frame, sent);
  return call(
    qemu,
    { ...frame, at: 'tied' },
    { fn: 'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE', at: 'begin', group, liobn: frame.liobn },
    sent,
  );
}

const resume = (qemu: QemuState, frame: BindViewFrame, sent: Step['sent'] = []): Step =>
  kvmCall(qemu, { ...frame, at: 'resumingVcpus' }, { type: 'resume_all_vcpus' }, sent);
