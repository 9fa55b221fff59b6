/**
 * Switches of QEMU that matter only beside KVM and VFIO; the unfixed value stands first. @see spec 60 section C
 */
export interface HostSwitches {
  /** B-03: when does a guest view move from KVM to QEMU, where KVM cannot drive hardware tables? */
  readonly reallocOnFirstVfio: 'never' | 'atHotplugPath' | 'atNotifierChange';
  /** B-04: does KVM stop to serve the LIOBN before its view is copied? */
  readonly reallocAtomic: 'false' | 'true';
  /** B-05: do notifiers go with their container? */
  readonly unregNotifierOnContainerDestroy: 'false' | 'true';
  /** B-06: what tells a PHB that its last VFIO device has gone? */
  readonly unplugSync: 'immediate' | 'rcuOrdered' | 'notifierDriven';
  /** B-08: which of VFIO's interfaces is taken, where the host has both? */
  readonly iommuType: 'v1' | 'v2';
  /** B-12: does KVM know a group before the listener needs it to? */
  readonly kvmAddBeforeListener: 'false' | 'true';
  /** B-16: may vCPUs change entries while they are replayed? */
  readonly replayVsKvm: 'racy' | 'atomicPerEntry' | 'vcpusPaused';
  /** B-17: is a group that joins a container attached to KVM's views? */
  readonly attachKvmOnJoin: 'unfixed' | 'fixed';
  /** B-19: what becomes of a window whose hardware table KVM cannot drive? */
  readonly attachFailure: 'silent' | 'fatal' | 'fallbackUserspace';
  /** B-24: does the guest hear of a mapping that failed? */
  readonly propagateMapError: 'no' | 'yes';
  /** B-24: is the old mapping taken away where the new one is not of memory? */
  readonly unmapOnXlateFail: 'unfixed' | 'fixed';
  /** B-29: are listeners told of entries that a stream brought? */
  readonly postLoadNotify: 'unfixed' | 'fixed';
  /** B-30: is a window that a stream makes replayed while it is empty? Fixed: not. */
  readonly postLoadReplay: 'unfixed' | 'fixed';
  /** B-46: which goes first when a window goes, the hardware's or KVM's? */
  readonly disableOrder: 'hwFirst' | 'kvmFirst';
  /** B-45: are registrations of memory kept where its sections are split or joined? */
  readonly ramSplit: 'unfixed' | 'fixed';
  /** B-59: what hears the guest of a window that the host cannot make? */
  readonly createFailure: 'abort' | 'rtasError';
  /** B-60: is a device that cannot be connected undone without an abort? */
  readonly hotplugUnwind: 'unfixed' | 'fixed';
  /** B-34: does the listener to memory go where a container cannot be connected? */
  readonly preregListenerLeak: 'unfixed' | 'fixed';
}

/** QEMU 7.2 as it was released. */
export const HOST_SWITCHES_7_2: HostSwitches = {
  reallocOnFirstVfio: 'atNotifierChange',
  reallocAtomic: 'false',
  unregNotifierOnContainerDestroy: 'true',
  unplugSync: 'notifierDriven',
  iommuType: 'v2',
  kvmAddBeforeListener: 'true',
  replayVsKvm: 'racy',
  attachKvmOnJoin: 'unfixed',
  attachFailure: 'silent',
  propagateMapError: 'no',
  unmapOnXlateFail: 'unfixed',
  postLoadNotify: 'unfixed',
  postLoadReplay: 'unfixed',
  disableOrder: 'hwFirst',
  ramSplit: 'unfixed',
  createFailure: 'abort',
  hotplugUnwind: 'unfixed',
  preregListenerLeak: 'unfixed',
};
