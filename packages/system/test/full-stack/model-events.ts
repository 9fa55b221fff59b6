import type {
  Effect,
  HPutTce,
  HPutTceIndirect,
  HStuffTce,
  KvmCreateSpaprTce64,
  OpalCall,
  Trace,
  TraceEvent,
  VfioCall,
  VfioReturn,
  VfioTrace,
  VfioTraceEvent,
} from '@spapr-dma/protocol';
import { errnoNumber } from '@spapr-dma/protocol';
import type { Moved } from '../../src/choices.ts';
import type { AnyMessage } from '../../src/participants.ts';
import type { Value } from '../call-order/names.ts';

/** What the machines show where a recording of the real ones has a line. */
export interface ModelEvent {
  readonly side: 'Q' | 'K';
  readonly name: string;
  readonly args: Readonly<Record<string, Value>>;
}

/** The probe on each function that a timeline shows. */
export const PROBE_ON: Readonly<Record<string, string>> = {
  __account_locked_vm: 'lock',
  iommu_group_claim_dma_owner: 'claim',
  iommu_group_release_dma_owner: 'relown',
  iommu_tce_table_get: 'tget',
  iommu_tce_table_put: 'tput',
  kvm_spapr_tce_attach_iommu_group: 'kvfattach',
  kvm_spapr_tce_release: 'ktcerel',
  kvm_spapr_tce_release_iommu_group: 'kvfrel',
  mm_iommu_new: 'mmnew',
  mm_iommu_put: 'mmput',
  pnv_ioda2_release_ownership: 'release',
  pnv_ioda2_take_ownership: 'take',
  pnv_pci_ioda2_create_table_userspace: 'create',
  pnv_pci_ioda2_set_bypass: 'bypass',
  pnv_pci_ioda2_set_window: 'setwin',
  pnv_pci_ioda2_setup_default_config: 'defcfg',
  pnv_pci_ioda2_table_free_pages: 'tfree',
  pnv_pci_ioda2_unset_window: 'unsetwin',
  tce_iommu_attach_group: 'cgrp',
  tce_iommu_detach_group: 'dgrp',
  tce_iommu_open: 'copen',
  tce_iommu_release: 'crel',
  vfio_df_close: 'dfclose',
  vfio_df_open: 'dfopen',
  vfio_pci_core_disable: 'vpdis',
  vfio_pci_core_enable: 'vpen',
};

/** The name under which the end of an ioctl on VFIO's container goes; timelines show it behind the call. */
export const RETURN = 'return';

const k = (name: string, args: ModelEvent['args'] = {}): ModelEvent => ({ side: 'K', name, args });
const q = (name: string, args: ModelEvent['args'] = {}): ModelEvent => ({ side: 'Q', name, args });

/** An ioctl on VFIO's container that arrives; null for any other call. */
function ioctlOf(call: VfioCall): ModelEvent | null {
  switch (call.type) {
    case 'VFIO_IOMMU_SPAPR_TCE_GET_INFO':
      return k('ioctl GET_INFO');
    case 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY':
      return k('ioctl REGISTER', { va: call.vaddr, size: call.size });
    case 'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY':
      return k('ioctl UNREGISTER', { va: call.vaddr, size: call.size });
    case 'VFIO_IOMMU_SPAPR_TCE_CREATE':
      return k('ioctl CREATE', { shift: call.pageShift, size: call.windowSize, levels: call.levels });
    case 'VFIO_IOMMU_SPAPR_TCE_REMOVE':
      return k('ioctl REMOVE', { start: call.startAddr });
    case 'VFIO_IOMMU_MAP_DMA':
      return k('ioctl MAP_DMA', { at: call.iova, size: call.size });
    case 'VFIO_IOMMU_UNMAP_DMA':
      return k('ioctl UNMAP_DMA', { at: call.iova, size: call.size });
    case 'VFIO_EEH_PE_OP':
      return k('ioctl EEH', { op: call.op });
    default:
      return null;
  }
}

/** A hypercall, or a call on KVM's files, that arrives. */
function kvmCallOf(message: AnyMessage): ModelEvent | null {
  switch (message.type) {
    case 'KVM_CREATE_SPAPR_TCE_64': {
      const { liobn, pageShift, flags, offset, size } = message as unknown as KvmCreateSpaprTce64;
      return k('ktce', { liobn, shift: pageShift, flags, offset, size });
    }
    case 'H_PUT_TCE': {
      const { liobn, ioba } = message as unknown as HPutTce;
      return k('H_PUT_TCE', { liobn, at: ioba, entries: 1 });
    }
    case 'H_PUT_TCE_INDIRECT':
    case 'H_STUFF_TCE': {
      const { liobn, ioba, npages } = message as unknown as HPutTceIndirect | HStuffTce;
      return k(message.type, { liobn, at: ioba, entries: npages });
    }
    default:
      return null;
  }
}

function arrivalOf({ delivered }: Moved): ModelEvent | null {
  if (delivered === null) return null;
  const { message } = delivered;
  if (message.to === 'vfio-host') return ioctlOf(message as unknown as VfioCall);
  return message.to === 'kvm' ? kvmCallOf(message) : null;
}

/** What the probe on a call into OPAL shows. */
function opalCallOf(message: AnyMessage): ModelEvent | null {
  const call = message as unknown as OpalCall;
  switch (call.type) {
    case 'opal_pci_map_pe_dma_window': {
      const { phb, pe, tve: win, levels, topLevelBytes: size, pageBytes: pgsz } = call;
      return k('opalwin', { phb, pe, win, levels, size, pgsz });
    }
    case 'opal_pci_map_pe_dma_window_real': {
      const { phb, pe, tve: win, start, size } = call;
      return k('opalreal', { phb, pe, win, start, size });
    }
    default:
      return null;
  }
}

function tableLineOf(line: TraceEvent): ModelEvent | null {
  const name = line.event;
  switch (name) {
    case 'spapr_iommu_new_table':
      return q(name, { liobn: line.liobn, fd: line.fd });
    case 'spapr_iommu_ddw_query': {
      const { buid, cfgaddr: addr, windowsAvailable: windows, maxWindowSize: max, mask } = line;
      return q(name, { buid, addr, windows, max, mask });
    }
    case 'spapr_iommu_ddw_create': {
      const { buid, cfgaddr: addr, pageBytes: page, requestedBytes: requested, start, liobn } = line;
      return q(name, { buid, addr, page, requested, start, liobn });
    }
    default:
      return null;
  }
}

function vfioLineOf(line: VfioTraceEvent): ModelEvent | null {
  const { event, ...args } = line;
  switch (line.event) {
    case 'vfio_realize':
    case 'vfio_listener_region_add_skip':
      // The timelines leave these out.
      return null;
    case 'vfio_spapr_create_window': {
      const { pageShift: pageshift, levels, windowSize: winsize, offset } = line;
      return q(event, { pageshift, levels, winsize, offset });
    }
    case 'vfio_spapr_group_attach':
      return q(event, { groupfd: line.groupFd, tablefd: line.tableFd });
    default:
      return q(event, args);
  }
}

function sentAs(message: AnyMessage): ModelEvent | null {
  switch (message.type) {
    case 'effect': {
      const { fn, args } = message as unknown as Effect;
      const probe = PROBE_ON[fn];
      return probe === undefined ? null : k(probe, args);
    }
    case 'vfio-return': {
      const { call, result } = message as unknown as VfioReturn;
      return call.startsWith('VFIO_IOMMU_')
        ? k(RETURN, { ret: result.ok ? result.value : errnoNumber(result.errno) })
        : null;
    }
    case 'trace':
      return tableLineOf((message as unknown as Trace).line);
    case 'vfio-trace':
      return vfioLineOf((message as unknown as VfioTrace).line);
    default:
      return opalCallOf(message);
  }
}

/** What a step shows, in its order: the call that arrived, then what ran and was logged. */
export const eventsOf = (moved: Moved): readonly ModelEvent[] =>
  [arrivalOf(moved), ...moved.sent.map(({ message }) => sentAs(message))].filter((event) => event !== null);
