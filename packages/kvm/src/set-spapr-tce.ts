import { unreachable } from '@spapr-dma/protocol';
import type { SetSpaprTceFrame } from './frames.js';
import { answerOf, entryOf, isKvmFile, withEntry } from './kvm-vfio.js';
import { effect } from './sent.js';
import { type KvmState, type KvmVfioFile, tableById, tableOfFd } from './state.js';
import { ask, call, type Resumption, refuse, type Step, succeed } from './steps.js';

/**
 * KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE: the group has to be in the device's list; then its hardware tables are searched
 * for one that fits the table behind the descriptor.
 * @see [Linux] virt/kvm/vfio.c: kvm_vfio_file_set_spapr_tce
 */
export function setSpaprTce(kvm: KvmState, frame: SetSpaprTceFrame, resumed: Resumption): Step {
  const { fd } = frame;
  if (resumed.type === 'begin') {
    if (kvm.device === null) return refuse(kvm, 'EBADF');
    if (isKvmFile(kvm, fd)) return refuse(kvm, 'ENOENT');
    return ask(kvm, 'attaching.findingFile', { ...frame, at: 'findingFile' }, { type: 'vfio_file', fd });
  }
  if (resumed.type === 'answer') return found(kvm, frame, resumed);
  if (frame.at === 'releasing') return ended(kvm, frame);
  const { value } = resumed;
  if (value.kind !== 'syscall') return unreachable(`${frame.fn} was returned ${value.kind}`);
  return attached(kvm, { ...frame, result: value.errno });
}

function found(kvm: KvmState, frame: SetSpaprTceFrame, resumed: Resumption): Step {
  const { fd, tableFd } = frame;
  const answer = answerOf(resumed);
  if (answer.file === null) return refuse(kvm, 'EBADF');
  const entry = entryOf(kvm, fd, answer);
  if (entry === undefined) return refuse(kvm, 'ENOENT');
  const group = entry.group ?? (entry.file.kind === 'group' ? entry.file.group : null);
  // A device's file has no group that KVM would get told.
  if (group === null) {
    return refuse(kvm, 'EIO', [effect('WARN_ON_ONCE', { where: 'kvm_vfio_file_set_spapr_tce' })]);
  }
  const resolved: KvmVfioFile = { ...entry, group };
  const known = kvm.config.features.holdsIommuGroup ? withEntry(kvm, entry, resolved) : kvm;
  const holds = kvm.config.switches.attachHoldsFd === 'fixed' ? (tableOfFd(kvm, tableFd)?.id ?? null) : null;
  return call(
    known,
    { ...frame, at: 'attaching', holds },
    { fn: 'kvm_spapr_tce_attach_iommu_group', at: 'begin', tableFd, group, stt: -1, hw: null, failed: null },
  );
}

/** A table that was closed meanwhile goes now, where this call was the last to hold its file (B-35). */
function attached(kvm: KvmState, frame: SetSpaprTceFrame): Step {
  const held = frame.holds === null ? undefined : tableById(kvm, frame.holds);
  const others = kvm.ioctls.filter(({ stack }) =>
    stack.some((other) => 'holds' in other && other.holds === frame.holds),
  );
  const isLast = held !== undefined && held.mode === 'PRESENT' && held.fd === null && others.length <= 1;
  if (!isLast) return ended(kvm, frame);
  const release = { fn: 'kvm_spapr_tce_release', at: 'begin', stt: held.id } as const;
  return call(kvm, { ...frame, at: 'releasing', holds: null }, release);
}

const ended = (kvm: KvmState, { result }: SetSpaprTceFrame): Step =>
  result === null ? succeed(kvm) : refuse(kvm, result);
