import { vfioConnectContainer } from './container-connect.js';
import { vfioDisconnectContainer } from './container-disconnect.js';
import type { VfioFrame } from './frames-vfio.js';
import { vfioListenerRelease } from './listener-release.js';
import { addressSpaceUpdateTopology } from './listener-topology.js';
import { vfioPreregListener } from './prereg.js';
import { spaprTceReplay } from './replay.js';
import type { StepFunction } from './steps.js';
import { vfioEehAsOp } from './vfio-eeh.js';
import { vfioGetGroup, vfioPutGroup } from './vfio-group.js';
import { vfioKvmDeviceAddGroup, vfioKvmDeviceDelGroup } from './vfio-kvm-device.js';
import { spaprTceBind } from './vfio-lazy-bind.js';
import { memoryRegionNotifyIommu, vfioIommuMapNotify } from './vfio-map-notify.js';
import { vfioInstanceFinalize, vfioRealize } from './vfio-realize.js';
import { kvmDevVfioGroupSetSpaprTce, vfioListenerRegionAdd } from './vfio-region-add.js';
import { vfioListenerRegionDel } from './vfio-region-del.js';

/** Functions of `hw/vfio` by name, and those of the memory core that tell it of changes. */
export const VFIO_FUNCTIONS: {
  readonly [Fn in VfioFrame['fn']]: StepFunction<Extract<VfioFrame, { fn: Fn }>>;
} = {
  address_space_update_topology: addressSpaceUpdateTopology,
  vfio_listener_region_add: vfioListenerRegionAdd,
  KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE: kvmDevVfioGroupSetSpaprTce,
  vfio_listener_region_del: vfioListenerRegionDel,
  spapr_tce_replay: spaprTceReplay,
  spapr_tce_bind: spaprTceBind,
  vfio_iommu_map_notify: vfioIommuMapNotify,
  memory_region_notify_iommu: memoryRegionNotifyIommu,
  vfio_prereg_listener_region_add: vfioPreregListener,
  vfio_prereg_listener_region_del: vfioPreregListener,
  vfio_kvm_device_add_group: vfioKvmDeviceAddGroup,
  vfio_kvm_device_del_group: vfioKvmDeviceDelGroup,
  vfio_connect_container: vfioConnectContainer,
  vfio_listener_release: vfioListenerRelease,
  vfio_disconnect_container: vfioDisconnectContainer,
  vfio_get_group: vfioGetGroup,
  vfio_put_group: vfioPutGroup,
  vfio_realize: vfioRealize,
  vfio_instance_finalize: vfioInstanceFinalize,
  vfio_eeh_as_op: vfioEehAsOp,
};
