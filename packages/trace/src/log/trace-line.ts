import { PCI_LIOBN_BIT, type TraceEvent } from '@spapr-dma/protocol';
import type { LogReader } from './log-reader.js';

/** Events of PCI tables are logged under names of their own; the line is the same. */
const PCI_EVENTS: Readonly<Record<string, TraceEvent['event']>> = {
  spapr_iommu_pci_put: 'spapr_iommu_put',
  spapr_iommu_pci_get: 'spapr_iommu_get',
  spapr_iommu_pci_stuff: 'spapr_iommu_stuff',
  spapr_iommu_pci_indirect: 'spapr_iommu_indirect',
};
const PLAIN_CALLS: ReadonlySet<string> = new Set(Object.values(PCI_EVENTS));

/** Does the event's name fit the LIOBN? QEMU asks bit 31, whatever the other bits say. */
export function nameFitsLiobn(event: string, liobn: bigint): boolean {
  const isPci = (liobn & BigInt(PCI_LIOBN_BIT)) !== 0n;
  return isPci ? !PLAIN_CALLS.has(event) : PCI_EVENTS[event] === undefined;
}

/** The event that the reader's fields hold, or null for one that says nothing of windows and connectors. */
export function traceEventOf({
  event: name,
  fields,
}: Pick<LogReader, 'event' | 'fields'>): TraceEvent | null {
  if (name === null) return null;
  const event = PCI_EVENTS[name] ?? (name as TraceEvent['event']);
  const hex = (field: number): bigint => fields.value(field);
  const num = (field: number): number => fields.number(field);
  switch (event) {
    case 'spapr_iommu_put':
      return { event, liobn: hex(0), ioba: hex(1), tce: hex(2), ret: num(3) };
    case 'spapr_iommu_get':
      return { event, liobn: hex(0), ioba: hex(1), ret: num(2), tce: hex(3) };
    case 'spapr_iommu_stuff':
      return { event, liobn: hex(0), ioba: hex(1), tcevalue: hex(2), npages: BigInt(num(3)), ret: num(4) };
    case 'spapr_iommu_indirect':
      return {
        event,
        liobn: hex(0),
        ioba: hex(1),
        tcelist: hex(2),
        iobaN: num(3),
        tceN: hex(4),
        ret: num(5),
      };
    case 'spapr_iommu_xlate':
      return { event, liobn: hex(0), address: hex(1), translated: hex(2), perm: num(3), mask: num(4) };
    case 'spapr_iommu_new_table':
      return { event, liobn: hex(0), table: hex(1) === 0n ? '(nil)' : 'allocated', fd: num(2) };
    case 'spapr_iommu_pre_save':
      return { event, liobn: hex(0), nb: num(1), busOffset: hex(2), ps: num(3) };
    case 'spapr_iommu_post_load':
      return { event, liobn: hex(0), preNb: num(1), postNb: num(2), busOffset: hex(3), ps: num(4) };
    case 'spapr_iommu_ddw_query':
      return {
        event,
        buid: hex(0),
        cfgaddr: num(1),
        windowsAvailable: num(2),
        maxWindowSize: hex(3),
        mask: num(4),
      };
    case 'spapr_iommu_ddw_create':
      return {
        event,
        buid: hex(0),
        cfgaddr: num(1),
        pageBytes: hex(2),
        requestedBytes: hex(3),
        start: hex(4),
        liobn: hex(5),
      };
    case 'spapr_iommu_ddw_remove':
      return { event, liobn: hex(0) };
    case 'spapr_iommu_ddw_reset':
      return { event, buid: hex(0), cfgaddr: num(1) };
    case 'spapr_vio_h_reg_crq':
      return { event, unit: hex(0), queue: hex(1), length: hex(2) };
    case 'spapr_vio_free_crq':
      return { event, unit: hex(0) };
    case 'spapr_drc_set_isolation_state':
    case 'spapr_drc_set_allocation_state':
    case 'spapr_drc_set_dr_indicator':
      return { event, index: num(0), state: num(1) };
    default:
      return name.startsWith('spapr_drc_') && name !== 'spapr_drc_realize_child'
        ? ({ event, index: num(0) } as TraceEvent)
        : null;
  }
}
