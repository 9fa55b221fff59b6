/*
 * What of the recording is not compared with the machines, and why. Everything else is: every other function
 * must be among what the machines send, in the same order and as often, with every other argument.
 */

const ENTRY = 'the entry of the system call, which is the message to the machine itself';
const LAYER = 'a layer of the IOMMU core between the claim and the platform, without an effect of its own';
const DRIVER_CORE = 'driver core and vfio-pci, whose part is the message of the environment';

export const FUNCTIONS_NOT_COMPARED: Readonly<Record<string, string>> = {
  vfio_fops_open: ENTRY,
  vfio_fops_release: ENTRY,
  vfio_fops_unl_ioctl: ENTRY,
  vfio_group_fops_open: ENTRY,
  vfio_group_fops_release: ENTRY,
  vfio_group_fops_unl_ioctl: ENTRY,
  __iommu_attach_device: LAYER,
  __iommu_device_set_domain: LAYER,
  __iommu_group_set_domain_internal: LAYER,
  __iommu_group_set_domain_nofail: LAYER,
  vfio_pci_probe: DRIVER_CORE,
  vfio_pci_remove: DRIVER_CORE,
  dmaalloc: 'the call of the DMA API, which is the message of the environment',
  opal_pci_map_pe_mmio_window: 'MMIO windows of a PE, which this specification leaves out',
  mm_iommu_free: 'frees the memory of a region that has gone, after RCU: nothing can see when',
};

const POINTER = 'a pointer; the machines know objects by identity';

export const ARGUMENTS_NOT_COMPARED: Readonly<Record<string, string>> = {
  addr: POINTER,
  base: POINTER,
  domain: POINTER,
  owner: POINTER,
  us: POINTER,
  mm: 'there is one process in each recording',
  nid: 'the NUMA node of the host',
};

/** What the machines say and the recording cannot have: it watched no function of KVM, nor warnings. */
export const FUNCTIONS_NOT_WATCHED: readonly string[] = [
  'kvm_spapr_tce_attach_iommu_group',
  'kvm_spapr_tce_liobn_put',
  'kvm_spapr_tce_release',
  'kvm_spapr_tce_release_iommu_group',
  'kvm_vm_ioctl_create_spapr_tce',
];
