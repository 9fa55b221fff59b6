import { pcDimmUnplug } from './add-memory.js';
import { spaprTceAllocTable, spaprTceFreeTable } from './alloc-table.js';
import { qdevDeviceAdd } from './device-add.js';
import type { QemuFrame } from './frames-qemu.js';
import { hGetTceLong } from './h-get-tce.js';
import { hPutTceLong } from './h-put-tce.js';
import { hPutTceIndirectLong } from './h-put-tce-indirect.js';
import { hStuffTceLong } from './h-stuff-tce.js';
import { rtasIbmCreatePeDmaWindow } from './ibm-create-pe-dma-window.js';
import { rtasIbmRemovePeDmaWindow } from './ibm-remove-pe-dma-window.js';
import { rtasIbmResetPeDmaWindow } from './ibm-reset-pe-dma-window.js';
import { memoryRegionRegisterIommuNotifier } from './iommu-notifiers.js';
import { migrateTables } from './migrate.js';
import { spaprPhbDmaReset } from './phb-dma-reset.js';
import { loadTables, spaprTceTablePostLoad } from './post-load.js';
import { putTceEmu } from './put-tce.js';
import { qemuInit } from './qemu-init.js';
import { rtasQuiesce } from './quiesce.js';
import { callRcuThread, spaprPhbDmaCapabilitiesUpdate } from './rcu.js';
import { spaprTceSetNeedVfio } from './set-need-vfio.js';
import type { StepFunction } from './steps.js';
import { spaprMachineReset } from './system-reset.js';
import { spaprTceTableDisable, spaprTceTableEnable } from './table-enable.js';
import { readView, writeView } from './view.js';
import { spaprVioQuiesceOne } from './vio-reset.js';

/** Functions of QEMU but for those of `hw/vfio`, by name. */
export const QEMU_FUNCTIONS: {
  readonly [Fn in QemuFrame['fn']]: StepFunction<Extract<QemuFrame, { fn: Fn }>>;
} = {
  spapr_tce_alloc_table: spaprTceAllocTable,
  spapr_tce_free_table: spaprTceFreeTable,
  spapr_tce_table_enable: spaprTceTableEnable,
  spapr_tce_table_disable: spaprTceTableDisable,
  spapr_tce_set_need_vfio: spaprTceSetNeedVfio,
  read_view: readView,
  write_view: writeView,
  put_tce_emu: putTceEmu,
  h_put_tce: hPutTceLong,
  h_put_tce_indirect: hPutTceIndirectLong,
  h_stuff_tce: hStuffTceLong,
  h_get_tce: hGetTceLong,
  spapr_phb_dma_reset: spaprPhbDmaReset,
  spapr_machine_reset: spaprMachineReset,
  spapr_vio_quiesce_one: spaprVioQuiesceOne,
  rtas_quiesce: rtasQuiesce,
  rtas_ibm_create_pe_dma_window: rtasIbmCreatePeDmaWindow,
  rtas_ibm_remove_pe_dma_window: rtasIbmRemovePeDmaWindow,
  rtas_ibm_reset_pe_dma_window: rtasIbmResetPeDmaWindow,
  qemu_init: qemuInit,
  qdev_device_add: qdevDeviceAdd,
  pc_dimm_unplug: pcDimmUnplug,
  memory_region_register_iommu_notifier: memoryRegionRegisterIommuNotifier,
  call_rcu_thread: callRcuThread,
  spapr_phb_dma_capabilities_update: spaprPhbDmaCapabilitiesUpdate,
  migrate: migrateTables,
  migrate_incoming: loadTables,
  spapr_tce_table_post_load: spaprTceTablePostLoad,
};
