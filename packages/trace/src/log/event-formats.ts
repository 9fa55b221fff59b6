/**
 * The trace events that are read, each with its message as a template. `%x` is a hex number of up to 64
 * bits and `%w` one of up to 32, `%d` a signed and `%u` an unsigned decimal one, `%p` a host pointer, `%s` text that ends where the
 * next letter of the template begins. `0x?` is a prefix that some versions of QEMU leave out.
 * @see [QEMU] hw/ppc/trace-events; spec 80 sections 2 and 3
 */
export interface EventFormat {
  readonly event: string;
  readonly template: string;
}

/** Events that the specification explains line by line. */
export const IOMMU_FORMATS = [
  { event: 'spapr_iommu_put', template: 'liobn=0x%x ioba=0x%x tce=0x%x ret=%d' },
  { event: 'spapr_iommu_pci_put', template: 'liobn=0x%x ioba=0x%x tce=0x%x ret=%d' },
  { event: 'spapr_iommu_get', template: 'liobn=0x%x ioba=0x%x ret=%d tce=0x%x' },
  { event: 'spapr_iommu_pci_get', template: 'liobn=0x%x ioba=0x%x ret=%d tce=0x%x' },
  {
    event: 'spapr_iommu_indirect',
    template: 'liobn=0x%x ioba=0x%x tcelist=0x%x iobaN=0x%x tceN=0x%x ret=%d',
  },
  {
    event: 'spapr_iommu_pci_indirect',
    template: 'liobn=0x%x ioba=0x%x tcelist=0x%x iobaN=0x%x tceN=0x%x ret=%d',
  },
  { event: 'spapr_iommu_stuff', template: 'liobn=0x%x ioba=0x%x tcevalue=0x%x npages=%d ret=%d' },
  { event: 'spapr_iommu_pci_stuff', template: 'liobn=0x%x ioba=0x%x tcevalue=0x%x npages=%d ret=%d' },
  { event: 'spapr_iommu_xlate', template: 'liobn=0x%x 0x%x -> 0x%x perm=%u mask=0x?%w' },
  { event: 'spapr_iommu_new_table', template: 'liobn=0x%x table=%p fd=%d' },
  { event: 'spapr_iommu_pre_save', template: 'liobn=0x?%x 0x?%w bus_offset=0x?%x ps=%u' },
  { event: 'spapr_iommu_post_load', template: 'liobn=0x?%x 0x?%w => 0x?%w bus_offset=0x?%x ps=%u' },
  {
    event: 'spapr_iommu_ddw_query',
    template: 'buid=0x%x addr=0x%w, %u windows available, max window size=0x%x, mask=0x%w',
  },
  {
    event: 'spapr_iommu_ddw_create',
    template: 'buid=0x%x addr=0x%w, page size=0x%x, requested=0x%x, start addr=0x%x, liobn=0x%w',
  },
  { event: 'spapr_iommu_ddw_remove', template: 'liobn=0x%w' },
  { event: 'spapr_iommu_ddw_reset', template: 'buid=0x%x addr=0x%w' },
] as const satisfies readonly EventFormat[];

const DRC_EVENTS = [
  'spapr_drc_set_isolation_state_finalizing',
  'spapr_drc_set_allocation_state_finalizing',
  'spapr_drc_set_configured',
  'spapr_drc_attach',
  'spapr_drc_unplug_request',
  'spapr_drc_awaiting_quiesce',
  'spapr_drc_reset',
  'spapr_drc_realize',
  'spapr_drc_realize_complete',
  'spapr_drc_unrealize',
] as const;

const DRC_STATE_EVENTS = [
  'spapr_drc_set_isolation_state',
  'spapr_drc_set_dr_indicator',
  'spapr_drc_set_allocation_state',
] as const;

/** Events that tell of devices: some change the windows, the others are checked for their form only. */
export const DEVICE_FORMATS: readonly EventFormat[] = [
  { event: 'spapr_vio_h_reg_crq', template: 'CRQ for dev 0x%x registered at 0x%x/0x%x' },
  { event: 'spapr_vio_free_crq', template: 'CRQ for dev 0x%x freed' },
  ...DRC_EVENTS.map((event) => ({ event, template: 'drc: 0x%w' })),
  ...DRC_STATE_EVENTS.map((event) => ({ event, template: 'drc: 0x%w, state: 0x%w' })),
  { event: 'spapr_drc_realize_child', template: 'drc: 0x%w, child name: %s' },
  { event: 'spapr_pci_msi', template: '%s (cfg=0x%x)' },
  { event: 'spapr_pci_msi_setup', template: 'dev"%s" vector %u, addr=0x%x' },
  {
    event: 'spapr_pci_rtas_ibm_change_msi',
    template: 'cfgaddr 0x%x func %u, requested %u, first irq %u',
  },
  {
    event: 'spapr_pci_rtas_ibm_query_interrupt_source_number',
    template: 'queries for #%u, IRQ%u',
  },
  { event: 'spapr_pci_msi_write', template: '@0x%x<=0x%x IRQ %u' },
  { event: 'spapr_pci_lsi_set', template: '%s PIN%d IRQ %u' },
  { event: 'spapr_pci_msi_retry', template: 'Guest device at 0x%x asked %u, have only %u' },
];

/** Every event whose lines are read. */
export const EVENT_FORMATS: readonly EventFormat[] = [...IOMMU_FORMATS, ...DEVICE_FORMATS];
