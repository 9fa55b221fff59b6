import type { VfioCall, VfioCheckExtension, VfioGetApiVersion, VfioSetIommu } from '@spapr-dma/protocol';
import { answered, type Begun, goesOn } from './begun.js';
import { type DriverCall, driverCall } from './driver-calls.js';
import type { Container } from './objects.js';
import { ran } from './said.js';
import { EEH, EXTENSIONS, OPENED, SPAPR_TCE_V2_IOMMU, withOpeningTce } from './set-iommu.js';
import { chargedMm, containerOf, fileOf, processOf, type VfioHost } from './state.js';

type OnContainer = VfioGetApiVersion | VfioCheckExtension | VfioSetIommu | DriverCall;
export type ContainerCall = Extract<VfioCall, { readonly containerFd: number; type: OnContainer['type'] }>;

/** The container behind a descriptor; EBADF for none, ENOTTY for a file of another kind. */
function containerBehind(host: VfioHost, call: OnContainer): Container | 'EBADF' | 'ENOTTY' {
  const process = processOf(host, call.process);
  const file = process === undefined ? undefined : fileOf(process, call.containerFd);
  if (file === undefined) return 'EBADF';
  return (file.kind === 'container' ? containerOf(host, file.container) : undefined) ?? 'ENOTTY';
}

/**
 * Gives a container its type, which must have a group: EINVAL for an empty container and for one that has a
 * type, ENODEV for a type that no driver has.
 * @see [Linux] drivers/vfio/container.c: vfio_ioctl_set_iommu; drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_open
 */
function setIommu(host: VfioHost, { container, groups, iommu }: Container, call: VfioSetIommu): Begun {
  if (groups.length === 0 || iommu !== null) return answered(host, 'EINVAL');
  if (!EXTENSIONS.includes(call.iommuType)) return answered(host, 'ENODEV', [ran('tce_iommu_ioctl')]);
  // An extension that is no type is found too, but cannot be opened.
  if (call.iommuType === EEH) return answered(host, 'EINVAL', OPENED);
  const version = call.iommuType === SPAPR_TCE_V2_IOMMU ? 'v2' : 'v1';
  const opening = withOpeningTce(host, container, version);
  const mm = chargedMm(opening, container, call.process);
  return goesOn(opening, { fn: 'vfio_ioctl_set_iommu', at: 'entered', container, mm, groups, rc: 0 }, OPENED);
}

/**
 * A call on a container. Before SET_IOMMU, and after the last group has left, there is no driver that could
 * take one: EINVAL for all but the version and the extensions.
 * @see [Linux] drivers/vfio/container.c: vfio_fops_unl_ioctl
 */
export function containerCall(host: VfioHost, call: OnContainer): Begun {
  const container = containerBehind(host, call);
  if (typeof container === 'string') return answered(host, container);
  switch (call.type) {
    case 'VFIO_GET_API_VERSION':
      return answered(host, 0);
    case 'VFIO_CHECK_EXTENSION':
      return answered(host, EXTENSIONS.includes(call.extension) ? 1 : 0, [ran('tce_iommu_ioctl')]);
    case 'VFIO_SET_IOMMU':
      return setIommu(host, container, call);
    default: {
      const { iommu } = container;
      if (iommu?.mode !== 'open') return answered(host, 'EINVAL');
      return driverCall(host, container.container, iommu, call);
    }
  }
}
