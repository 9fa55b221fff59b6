/**
 * What was recorded on a real host of qemu-7.2 with VFIO, linux-6.12 beneath and a Linux guest above: QEMU's trace lines
 * (`Q`) and what the host kernel did for its system calls (`K`), in order. Descriptors and addresses of QEMU's memory
 * are left out.
 */
export const RECORDED = {
  /** A device on the command line, then the first reset. */
  start: `
    K cgrp
    K ioctl REGISTER size=0x20000000
    Q vfio_prereg_register size=0x20000000 ret=0
    K ioctl GET_INFO
    K ioctl REMOVE start=0x0
    Q vfio_spapr_remove_window offset=0x0
    K dfopen
    Q vfio_get_device 0001:01:00.0
    K ktce liobn=0x80000000 shift=0xc flags=0x0 offset=0x0 size=0x40000
    Q spapr_iommu_new_table liobn=0x80000000
    K ioctl CREATE shift=12 size=0x40000000 levels=1
    Q vfio_spapr_create_window pageshift=0xc levels=1 winsize=0x40000000 offset=0x0
    K kvfattach
    Q vfio_spapr_group_attach
    Q vfio_listener_region_add_iommu 0x0 - 0x3fffffff
    K ioctl EEH op=1
  `,
  /** Two groups on the command line, then the first reset. */
  twoAtStart: `
    K cgrp
    K ioctl REGISTER size=0x20000000
    Q vfio_prereg_register size=0x20000000 ret=0
    K ioctl GET_INFO
    K ioctl REMOVE start=0x0
    Q vfio_spapr_remove_window offset=0x0
    K dfopen
    Q vfio_get_device 0001:01:00.0
    K cgrp
    K dfopen
    Q vfio_get_device 0002:01:00.0
    K ktce liobn=0x80000000 shift=0xc flags=0x0 offset=0x0 size=0x40000
    Q spapr_iommu_new_table liobn=0x80000000
    K ioctl CREATE shift=12 size=0x40000000 levels=1
    Q vfio_spapr_create_window pageshift=0xc levels=1 winsize=0x40000000 offset=0x0
    K kvfattach
    Q vfio_spapr_group_attach
    K kvfattach
    Q vfio_spapr_group_attach
    Q vfio_listener_region_add_iommu 0x0 - 0x3fffffff
  `,
  /** The guest makes its dynamic window. */
  create: `
    K ktce liobn=0x80000001 shift=0x18 flags=0x0 offset=0x800000000 size=0x80
    Q spapr_iommu_new_table liobn=0x80000001
    K ioctl CREATE shift=16 size=0x80000000 levels=1
    Q vfio_spapr_create_window pageshift=0x10 levels=1 winsize=0x80000000 offset=0x800000000000000
    K kvfattach
    Q vfio_spapr_group_attach
    Q vfio_listener_region_add_iommu 0x800000000000000 - 0x80000007fffffff
    Q spapr_iommu_ddw_create liobn=0x80000001
  `,
  /** The same with two groups. */
  createForTwo: `
    K ktce liobn=0x80000001 shift=0x18 flags=0x0 offset=0x800000000 size=0x80
    Q spapr_iommu_new_table liobn=0x80000001
    K ioctl CREATE shift=16 size=0x80000000 levels=1
    Q vfio_spapr_create_window pageshift=0x10 levels=1 winsize=0x80000000 offset=0x800000000000000
    K kvfattach
    Q vfio_spapr_group_attach
    K kvfattach
    Q vfio_spapr_group_attach
    Q vfio_listener_region_add_iommu 0x800000000000000 - 0x80000007fffffff
    Q spapr_iommu_ddw_create liobn=0x80000001
  `,
  /** system_reset with both windows there. */
  systemReset: `
    Q vfio_listener_region_del 0x0 - 0x3fffffff
    K ioctl UNMAP_DMA iova=0x0 size=0x40000000
    K ioctl REMOVE start=0x0
    Q vfio_spapr_remove_window offset=0x0
    K ktcerel
    Q vfio_listener_region_del 0x800000000000000 - 0x80000007fffffff
    K ioctl UNMAP_DMA iova=0x800000000000000 size=0x80000000
    K ioctl REMOVE start=0x800000000000000
    Q vfio_spapr_remove_window offset=0x800000000000000
    K ktcerel
    K ktce liobn=0x80000000 shift=0xc flags=0x0 offset=0x0 size=0x40000
    Q spapr_iommu_new_table liobn=0x80000000
    K ioctl CREATE shift=12 size=0x40000000 levels=1
    Q vfio_spapr_create_window pageshift=0xc levels=1 winsize=0x40000000 offset=0x0
    K kvfattach
    Q vfio_spapr_group_attach
    Q vfio_listener_region_add_iommu 0x0 - 0x3fffffff
    K ioctl EEH op=1
  `,
  /** device_add into a running guest with both windows and 32 live entries of 16M. */
  hotAdd: `
    K cgrp
    K ioctl REGISTER size=0x20000000
    Q vfio_prereg_register size=0x20000000 ret=0
    K ioctl GET_INFO
    K ioctl REMOVE start=0x0
    Q vfio_spapr_remove_window offset=0x0
    K ioctl CREATE shift=12 size=0x40000000 levels=1
    Q vfio_spapr_create_window pageshift=0xc levels=1 winsize=0x40000000 offset=0x0
    K kvfattach
    Q vfio_spapr_group_attach
    Q vfio_listener_region_add_iommu 0x0 - 0x3fffffff
    K ioctl CREATE shift=16 size=0x80000000 levels=1
    Q vfio_spapr_create_window pageshift=0x10 levels=1 winsize=0x80000000 offset=0x800000000000000
    K kvfattach
    Q vfio_spapr_group_attach
    Q vfio_listener_region_add_iommu 0x800000000000000 - 0x80000007fffffff
    Q vfio_iommu_map_notify MAP 0x800000000000000 - 0x800000000ffffff
    K ioctl MAP_DMA iova=0x800000000000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x800000001000000 - 0x800000001ffffff
    K ioctl MAP_DMA iova=0x800000001000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x800000002000000 - 0x800000002ffffff
    K ioctl MAP_DMA iova=0x800000002000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x800000003000000 - 0x800000003ffffff
    K ioctl MAP_DMA iova=0x800000003000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x800000004000000 - 0x800000004ffffff
    K ioctl MAP_DMA iova=0x800000004000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x800000005000000 - 0x800000005ffffff
    K ioctl MAP_DMA iova=0x800000005000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x800000006000000 - 0x800000006ffffff
    K ioctl MAP_DMA iova=0x800000006000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x800000007000000 - 0x800000007ffffff
    K ioctl MAP_DMA iova=0x800000007000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x800000008000000 - 0x800000008ffffff
    K ioctl MAP_DMA iova=0x800000008000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x800000009000000 - 0x800000009ffffff
    K ioctl MAP_DMA iova=0x800000009000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x80000000a000000 - 0x80000000affffff
    K ioctl MAP_DMA iova=0x80000000a000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x80000000b000000 - 0x80000000bffffff
    K ioctl MAP_DMA iova=0x80000000b000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x80000000c000000 - 0x80000000cffffff
    K ioctl MAP_DMA iova=0x80000000c000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x80000000d000000 - 0x80000000dffffff
    K ioctl MAP_DMA iova=0x80000000d000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x80000000e000000 - 0x80000000effffff
    K ioctl MAP_DMA iova=0x80000000e000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x80000000f000000 - 0x80000000fffffff
    K ioctl MAP_DMA iova=0x80000000f000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x800000010000000 - 0x800000010ffffff
    K ioctl MAP_DMA iova=0x800000010000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x800000011000000 - 0x800000011ffffff
    K ioctl MAP_DMA iova=0x800000011000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x800000012000000 - 0x800000012ffffff
    K ioctl MAP_DMA iova=0x800000012000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x800000013000000 - 0x800000013ffffff
    K ioctl MAP_DMA iova=0x800000013000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x800000014000000 - 0x800000014ffffff
    K ioctl MAP_DMA iova=0x800000014000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x800000015000000 - 0x800000015ffffff
    K ioctl MAP_DMA iova=0x800000015000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x800000016000000 - 0x800000016ffffff
    K ioctl MAP_DMA iova=0x800000016000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x800000017000000 - 0x800000017ffffff
    K ioctl MAP_DMA iova=0x800000017000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x800000018000000 - 0x800000018ffffff
    K ioctl MAP_DMA iova=0x800000018000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x800000019000000 - 0x800000019ffffff
    K ioctl MAP_DMA iova=0x800000019000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x80000001a000000 - 0x80000001affffff
    K ioctl MAP_DMA iova=0x80000001a000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x80000001b000000 - 0x80000001bffffff
    K ioctl MAP_DMA iova=0x80000001b000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x80000001c000000 - 0x80000001cffffff
    K ioctl MAP_DMA iova=0x80000001c000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x80000001d000000 - 0x80000001dffffff
    K ioctl MAP_DMA iova=0x80000001d000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x80000001e000000 - 0x80000001effffff
    K ioctl MAP_DMA iova=0x80000001e000000 size=0x1000000
    Q vfio_iommu_map_notify MAP 0x80000001f000000 - 0x80000001fffffff
    K ioctl MAP_DMA iova=0x80000001f000000 size=0x1000000
    K dfopen
    Q vfio_get_device 0001:01:00.0
  `,
  /** The last device leaves. */
  unplugLast: `
    Q vfio_put_base_device
    K dfclose
    K kvfrel
    Q vfio_listener_region_del 0x0 - 0x3fffffff
    K ioctl UNMAP_DMA iova=0x0 size=0x40000000
    K ioctl REMOVE start=0x0
    Q vfio_spapr_remove_window offset=0x0
    Q vfio_listener_region_del_skip 0x40000000000 - 0x4000000ffff
    Q vfio_listener_region_del 0x800000000000000 - 0x80000007fffffff
    K ioctl UNMAP_DMA iova=0x800000000000000 size=0x80000000
    K ioctl REMOVE start=0x800000000000000
    Q vfio_spapr_remove_window offset=0x800000000000000
    K ioctl UNREGISTER size=0x20000000
    Q vfio_prereg_unregister size=0x20000000 ret=0
    K dgrp
    Q vfio_disconnect_container
    Q vfio_put_group
  `,
  /** One of two groups leaves. */
  unplugOneOfTwo: `
    Q vfio_put_base_device
    K dfclose
    K kvfrel
    K dgrp
    Q vfio_put_group
  `,
  /** Memory comes. */
  memoryAdd: `
    K ioctl REGISTER size=0x10000000
    Q vfio_prereg_register size=0x10000000 ret=0
  `,
  /** Memory goes. */
  memoryDel: `
    K ioctl UNREGISTER size=0x10000000
    Q vfio_prereg_unregister size=0x10000000 ret=0
  `,
  /** The process may not lock enough memory for the guest. */
  tightStart: `
    K cgrp
    K ioctl REGISTER size=0x20000000
    Q vfio_prereg_register size=0x20000000 ret=-12
    K ioctl UNREGISTER size=0x20000000
    Q vfio_prereg_unregister size=0x20000000 ret=-2
    K dgrp
  `,
  /** The process may lock enough for the default window, and for KVM's view of the dynamic one. */
  tightCreate: `
    K ktce liobn=0x80000001 shift=0x18 flags=0x0 offset=0x800000000 size=0x80
    Q spapr_iommu_new_table liobn=0x80000001
    K ioctl CREATE shift=16 size=0x80000000 levels=1
    K ioctl CREATE shift=16 size=0x80000000 levels=2
    K ioctl CREATE shift=16 size=0x80000000 levels=3
  `,
} as const;
