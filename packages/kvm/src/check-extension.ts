import type { KvmCheckExtension, KvmExtension } from '@spapr-dma/protocol';
import type { HostCpu } from './config.js';
import type { KvmState } from './state.js';

/** The version of KVM's interface, which never changes. @see [Linux] include/uapi/linux/kvm.h: KVM_API_VERSION */
export const KVM_API_VERSION = 12;

/** Processors whose MMU can do radix, and on which a guest of a guest can run. */
const isRadix = (cpu: HostCpu): boolean => cpu !== 'power8';

/**
 * What KVM says to a capability: 1 where it has it, else 0; for PPC_SMT the threads of a core.
 *
 * Abstraction: a host's core has one thread, and its POWER9 is older than DD2.2: it has no transactional memory for
 * guests, and threads of one core cannot be in radix and in hash mode. The recorded hosts were so. The capabilities
 * that have nothing to do with TCEs do not depend on the version.
 * @see [Linux] arch/powerpc/kvm/powerpc.c: kvm_vm_ioctl_check_extension
 */
export function extensionValue(
  { config: { features, cpu } }: KvmState,
  { extension }: Pick<KvmCheckExtension, 'extension'>,
): number {
  const has: Readonly<Record<KvmExtension, boolean>> = {
    KVM_CAP_SPAPR_TCE: true,
    KVM_CAP_PPC_SMT: true,
    KVM_CAP_SPAPR_MULTITCE: features.multiTce,
    KVM_CAP_PPC_ENABLE_HCALL: true,
    KVM_CAP_SPAPR_TCE_64: features.spaprTce64,
    KVM_CAP_PPC_HTM: cpu === 'power8',
    KVM_CAP_SPAPR_RESIZE_HPT: true,
    KVM_CAP_PPC_MMU_RADIX: isRadix(cpu),
    KVM_CAP_PPC_MMU_HASH_V3: cpu === 'power10',
    KVM_CAP_SPAPR_TCE_VFIO: features.spaprTceVfio,
    KVM_CAP_PPC_NESTED_HV: isRadix(cpu),
  };
  return has[extension] ? 1 : 0;
}
