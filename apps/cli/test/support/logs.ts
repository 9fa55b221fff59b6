const buid = '0x800000020000000';

/** What a real QEMU logged of one PHB, from its start to the first calls of the guest's kernel, in short. */
const events = [
  'spapr_drc_reset drc: 0x10000000',
  'spapr_iommu_new_table liobn=0x80000000 table=0x55963b49f280 fd=-1',
  'spapr_vio_free_crq CRQ for dev 0x71000001 freed',
  'spapr_vio_free_crq CRQ for dev 0x71000000 freed',
  `spapr_iommu_ddw_query buid=${buid} addr=0x800, 1 windows available, max window size=0x80000000, mask=0x107`,
  'spapr_iommu_new_table liobn=0x80000001 table=0x7f45c83cca00 fd=-1',
  `spapr_iommu_ddw_create buid=${buid} addr=0x800, page size=0x1000000, requested=0x100000000, start addr=0x800000000000000, liobn=0x80000001`,
  'spapr_iommu_pci_indirect liobn=0x80000001 ioba=0x800000000000000 tcelist=0x4055000 iobaN=0x7f tceN=0x7f000003 ret=0',
  'spapr_iommu_xlate liobn=0x80000001 0x241c004 -> 0x2000000 perm=3 mask=0xffffff',
  'spapr_iommu_pci_put liobn=0x80000000 ioba=0x1000 tce=0x4003 ret=0',
  'spapr_iommu_xlate liobn=0x80000000 0x1234 -> 0x4000 perm=3 mask=0xfff',
];

const stamp = (event: string, n: number) => `28861@1795220419.${String(502_891 + 1000 * n)}:${event}`;

/** The log with a thread and a time before each event, as QEMU writes it with timestamps. */
export const stamped = events.map(stamp);

export const logText = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

export const log = logText(stamped);

/** The log without them. */
export const bareLog = logText(events);

/** A log of QEMU on another architecture. */
export const foreignLog = logText(
  [
    'vtd_inv_desc_iotlb_domain iotlb invalidate whole domain 0x1',
    'vtd_iotlb_page_update IOTLB page update sid 0x18 iova 0xffe00000 slpte 0x1f003 domain 0x1',
    'kvm_vm_ioctl type 0x4020ae46, arg 0x7ffd7d0b8b30',
  ].map(stamp),
);
