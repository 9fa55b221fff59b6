import type { Fd } from '@spapr-dma/protocol';
import type { ExitFrame } from './frames.js';
import { initialKvm, type KvmState, tableOfFd } from './state.js';
import { call, done, type Step } from './steps.js';

/** KVM's files that are open, the highest number first: so they were seen to go. */
const openFiles = ({ tables, device }: KvmState): readonly Fd[] =>
  [...tables.flatMap(({ fd }) => (fd === null ? [] : [fd])), ...(device === null ? [] : [device.fd])].sort(
    (a, b) => b - a,
  );

/** The file behind a descriptor goes with it; null where the descriptor is not one of KVM's. */
export function fileRelease(kvm: KvmState, fd: Fd) {
  const table = tableOfFd(kvm, fd);
  if (table !== undefined) return { fn: 'kvm_spapr_tce_release', at: 'begin', stt: table.id } as const;
  return kvm.device?.fd === fd ? ({ fn: 'kvm_vfio_release' } as const) : null;
}

/**
 * QEMU is gone, however it went: its files go, and with the last one the VM. What waits for RCU still waits.
 * @see [Linux] fs/file.c: exit_files
 */
export function exit(kvm: KvmState, frame: ExitFrame): Step {
  const [fd] = openFiles(kvm);
  const release = fd === undefined ? null : fileRelease(kvm, fd);
  if (release !== null) return call(kvm, frame, release);
  const fresh = initialKvm(kvm.config, kvm.vcpus.length, kvm.ioctls.length);
  const { tables, ioctls, rcu, failNext } = kvm;
  return done({ ...fresh, tables, ioctls, rcu, failNext }, [{ type: 'kvm-done', call: 'exit' }]);
}
