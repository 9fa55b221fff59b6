import { type Fd, type KvmCreateDevice, unreachable, type VfioFileReturn } from '@spapr-dma/protocol';
import type { DeviceReleaseFrame, FileAddFrame, FileDelFrame } from './frames.js';
import { effect, type ReportBody } from './sent.js';
import { freeFd, type KvmState, type KvmVfioFile, tableOfFd } from './state.js';
import { ask, call, done, type Resumption, refuse, type Step, succeed } from './steps.js';

/** KVM_CREATE_DEVICE: one KVM-VFIO device for a VM. @see [Linux] virt/kvm/vfio.c: kvm_vfio_create */
export function kvmCreateDevice(kvm: KvmState, _: KvmCreateDevice): Step {
  if (kvm.device !== null) return refuse(kvm, 'EBUSY');
  const fd = freeFd(kvm);
  return succeed({ ...kvm, device: { fd, files: [] } }, fd);
}

/** Whether a descriptor is one of KVM's own files, of which VFIO knows nothing. */
export const isKvmFile = (kvm: KvmState, fd: Fd): boolean =>
  kvm.device?.fd === fd || tableOfFd(kvm, fd) !== undefined;

/** The entry of the KVM-VFIO device for the file behind a descriptor. */
export const entryOf = (kvm: KvmState, fd: Fd, { file, group }: VfioFileReturn): KvmVfioFile | undefined =>
  kvm.device?.files.find((entry) =>
    entry.file.kind === 'group' ? file === 'group' && entry.file.group === group : entry.file.fd === fd,
  );

/** With one entry in place of another, or without it. */
export const withEntry = (kvm: KvmState, entry: KvmVfioFile, next: KvmVfioFile | null): KvmState => {
  if (kvm.device === null) return kvm;
  const files = kvm.device.files.flatMap((other) =>
    other === entry ? (next === null ? [] : [next]) : [other],
  );
  return { ...kvm, device: { ...kvm.device, files } };
};

/** KVM_DEV_VFIO_GROUP_ADD. @see [Linux] virt/kvm/vfio.c: kvm_vfio_file_add */
export function fileAdd(kvm: KvmState, frame: FileAddFrame, resumed: Resumption): Step {
  const { fd } = frame;
  if (resumed.type === 'begin') {
    if (kvm.device === null) return refuse(kvm, 'EBADF');
    if (isKvmFile(kvm, fd)) return refuse(kvm, 'EINVAL');
    return ask(kvm, 'addingGroup.findingFile', { ...frame, at: 'findingFile' }, { type: 'vfio_file', fd });
  }
  const found = answerOf(resumed);
  const { file, group } = found;
  if (file === null) return refuse(kvm, 'EBADF');
  if (file === 'container') return refuse(kvm, 'EINVAL');
  if (file === 'device' && !kvm.config.features.vfioDeviceFiles) return refuse(kvm, 'EINVAL');
  if (entryOf(kvm, fd, found) !== undefined) return refuse(kvm, 'EEXIST');
  const entry: KvmVfioFile = {
    file:
      file === 'group'
        ? { kind: 'group', group: group ?? unreachable('a group without a number') }
        : { kind: 'device', fd },
    group: null,
  };
  const device = kvm.device!;
  return succeed({ ...kvm, device: { ...device, files: [...device.files, entry] } });
}

/** The answer to who is behind a descriptor. */
export function answerOf(resumed: Resumption): VfioFileReturn {
  if (resumed.type !== 'answer' || resumed.answer.type !== 'vfio-file-return') {
    return unreachable('who is behind a descriptor was not answered');
  }
  return resumed.answer;
}

/**
 * What KVM does to let a file of its device go: the group's tables, where it knows the group. Since linux-6.1 it
 * knows the group only if a table was attached once, and complains otherwise.
 * @see [Linux] virt/kvm/vfio.c: kvm_spapr_tce_release_vfio_group
 */
function letGo(
  kvm: KvmState,
  entry: KvmVfioFile,
  frame: FileDelFrame | DeviceReleaseFrame,
): Step | ReportBody {
  const known =
    entry.group ??
    (entry.file.kind === 'group' && !kvm.config.features.holdsIommuGroup ? entry.file.group : null);
  if (known === null) return effect('WARN_ON_ONCE', { where: 'kvm_spapr_tce_release_vfio_group' });
  return call(kvm, frame, { fn: 'kvm_spapr_tce_release_iommu_group', at: 'begin', group: known });
}

/** KVM_DEV_VFIO_GROUP_DEL. @see [Linux] virt/kvm/vfio.c: kvm_vfio_file_del */
export function fileDel(kvm: KvmState, frame: FileDelFrame, resumed: Resumption): Step {
  const { fd } = frame;
  if (resumed.type === 'begin') {
    if (kvm.device === null) return refuse(kvm, 'EBADF');
    if (isKvmFile(kvm, fd)) return refuse(kvm, 'ENOENT');
    return ask(kvm, 'removingGroup.findingFile', { ...frame, at: 'findingFile' }, { type: 'vfio_file', fd });
  }
  if (resumed.type === 'returned') return succeed(kvm);
  const found = answerOf(resumed);
  if (found.file === null) return refuse(kvm, 'EBADF');
  const entry = entryOf(kvm, fd, found);
  if (entry === undefined) return refuse(kvm, 'ENOENT');
  const without = withEntry(kvm, entry, null);
  const released = letGo(without, entry, { ...frame, at: 'releasing' });
  return 'next' in released ? released : succeed(without, 0, [released]);
}

/**
 * The device's file is closed: its files go one by one. Before linux-6.4 that was left to the end of the VM.
 *
 * Abstraction: it happens at the closing in all versions.
 * @see [Linux] virt/kvm/vfio.c: kvm_vfio_release
 */
export function deviceRelease(kvm: KvmState, frame: DeviceReleaseFrame): Step {
  let left = kvm;
  const reports: ReportBody[] = [];
  for (;;) {
    const entry = left.device?.files[0];
    if (entry === undefined) return done({ ...left, device: null }, reports);
    left = withEntry(left, entry, null);
    const released = letGo(left, entry, frame);
    if ('next' in released) return { ...released, reports: [...reports, ...released.reports] };
    reports.push(released);
  }
}
