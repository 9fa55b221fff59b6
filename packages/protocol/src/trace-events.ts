import type { Message } from './message.js';

/**
 * QEMU's trace events of the DMA path, as QEMU would log them. The machine sends each at the moment at
 * which QEMU logs it, so a composed run writes the same log as the real machine, and a real log can be
 * held against a run line by line.
 * @see [QEMU] hw/ppc/trace-events; spec 80 section 2
 */
export type TraceEvent =
  | {
      readonly event: 'spapr_iommu_put';
      readonly liobn: bigint;
      readonly ioba: bigint;
      readonly tce: bigint;
      readonly ret: number;
    }
  | {
      readonly event: 'spapr_iommu_get';
      readonly liobn: bigint;
      readonly ioba: bigint;
      readonly ret: number;
      readonly tce: bigint;
    }
  | {
      readonly event: 'spapr_iommu_indirect';
      readonly liobn: bigint;
      readonly ioba: bigint;
      readonly tcelist: bigint;
      /** Not an address: the index of the last entry that was done. */
      readonly iobaN: number;
      /** The last TCE read: the failing one where the call failed. */
      readonly tceN: bigint;
      readonly ret: number;
    }
  | {
      readonly event: 'spapr_iommu_stuff';
      readonly liobn: bigint;
      /** The address after the loop, not the one the call was given. */
      readonly ioba: bigint;
      readonly tcevalue: bigint;
      readonly npages: bigint;
      readonly ret: number;
    }
  | {
      readonly event: 'spapr_iommu_xlate';
      readonly liobn: bigint;
      /** Relative to the start of the window. */
      readonly address: bigint;
      readonly translated: bigint;
      readonly perm: number;
      /** Page size - 1, cut to 32 bits. */
      readonly mask: number;
    }
  | {
      readonly event: 'spapr_iommu_new_table';
      readonly liobn: bigint;
      /** Whether there is memory for the table; a window of 0 entries has none. */
      readonly table: 'allocated' | '(nil)';
      readonly fd: number;
    }
  | {
      readonly event: 'spapr_iommu_pre_save';
      readonly liobn: bigint;
      readonly nb: number;
      readonly busOffset: bigint;
      readonly ps: number;
    }
  | {
      readonly event: 'spapr_iommu_post_load';
      readonly liobn: bigint;
      readonly preNb: number;
      readonly postNb: number;
      readonly busOffset: bigint;
      readonly ps: number;
    }
  | {
      readonly event: 'spapr_iommu_ddw_query';
      readonly buid: bigint;
      readonly cfgaddr: number;
      readonly windowsAvailable: number;
      readonly maxWindowSize: bigint;
      readonly mask: number;
    }
  | {
      readonly event: 'spapr_iommu_ddw_create';
      readonly buid: bigint;
      readonly cfgaddr: number;
      readonly pageBytes: bigint;
      readonly requestedBytes: bigint;
      readonly start: bigint;
      readonly liobn: bigint;
    }
  | { readonly event: 'spapr_iommu_ddw_remove'; readonly liobn: bigint }
  | { readonly event: 'spapr_iommu_ddw_reset'; readonly buid: bigint; readonly cfgaddr: number }
  | {
      readonly event: 'spapr_vio_h_reg_crq';
      readonly unit: bigint;
      readonly queue: bigint;
      readonly length: bigint;
    }
  | { readonly event: 'spapr_vio_free_crq'; readonly unit: bigint }
  | {
      readonly event:
        | 'spapr_drc_attach'
        | 'spapr_drc_reset'
        | 'spapr_drc_realize'
        | 'spapr_drc_realize_complete'
        | 'spapr_drc_unrealize'
        | 'spapr_drc_unplug_request'
        | 'spapr_drc_awaiting_quiesce'
        | 'spapr_drc_set_configured'
        | 'spapr_drc_set_isolation_state_finalizing'
        | 'spapr_drc_set_allocation_state_finalizing';
      readonly index: number;
    }
  | {
      readonly event:
        | 'spapr_drc_set_isolation_state'
        | 'spapr_drc_set_allocation_state'
        | 'spapr_drc_set_dr_indicator';
      readonly index: number;
      readonly state: number;
    };

/** A line that QEMU writes into its log. */
export type Trace = Message<'trace', 'qemu-spapr', 'environment'> & { readonly line: TraceEvent };

/**
 * QEMU's trace events of VFIO. The reader of recorded logs does not follow them, so they are a union, and a
 * message, of their own.
 * @see [QEMU] hw/vfio/trace-events
 */
export type VfioTraceEvent =
  | { readonly event: 'vfio_realize'; readonly host: string; readonly group: number }
  | {
      readonly event: 'vfio_prereg_register' | 'vfio_prereg_unregister';
      readonly va: bigint;
      readonly size: bigint;
      readonly ret: number;
    }
  | {
      readonly event: 'vfio_spapr_create_window';
      readonly pageShift: number;
      readonly levels: number;
      readonly windowSize: bigint;
      readonly offset: bigint;
    }
  | { readonly event: 'vfio_spapr_remove_window'; readonly offset: bigint }
  | { readonly event: 'vfio_spapr_group_attach'; readonly groupFd: number; readonly tableFd: number }
  | {
      readonly event:
        | 'vfio_listener_region_add_iommu'
        | 'vfio_listener_region_add_skip'
        | 'vfio_listener_region_del'
        | 'vfio_listener_region_del_skip';
      readonly start: bigint;
      /** The last byte. */
      readonly end: bigint;
    }
  | {
      readonly event: 'vfio_iommu_map_notify';
      readonly kind: 'MAP' | 'UNMAP';
      readonly start: bigint;
      /** The last byte. */
      readonly end: bigint;
    }
  | { readonly event: 'vfio_get_device'; readonly host: string }
  | {
      readonly event: 'vfio_put_base_device' | 'vfio_disconnect_container' | 'vfio_put_group';
      readonly fd: number;
    };

/** A line of VFIO that QEMU writes into its log. */
export type VfioTrace = Message<'vfio-trace', 'qemu-spapr', 'environment'> & {
  readonly line: VfioTraceEvent;
};
