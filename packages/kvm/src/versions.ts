import { type KvmConfig, type KvmFeatures, type KvmSwitches, kvmConfig } from './config.js';

/** In what a version of Linux differs from the others. */
export interface KvmVersion {
  readonly switches: KvmSwitches;
  readonly features: KvmFeatures;
}

/**
 * linux-6.12 on a host of radix guests.
 *
 * Abstraction: between linux-5.4 and linux-5.17 a call ended with one TCE kill by the guest's index; no version
 * listed here is one of those.
 */
const LINUX_6_12: KvmVersion = {
  switches: {
    kvmErrors: 'tooHard',
    indirect: 'twoPass',
    attachRefLeak: 'unfixed',
    attachRefPerGroup: 'unfixed',
    clearTceDec: 'unfixed',
    clearTceIndex: 'hwIdx',
    indirectZeroPerm: 'unfixed',
    rangeCheck: 'firstOnly',
    attachHoldsFd: 'fixed',
    realMode: 'off',
    viewAllocFailure: 'silent',
    createLock: 'fixed',
    sizeMatch: 'atLeast',
    releaseWaits: 'unfixed',
    tceLock: 'unfixed',
  },
  features: {
    viewPages: 'onDemand',
    spaprTce64: true,
    spaprTceVfio: true,
    multiTce: true,
    releaseAll: true,
    validate: 'regions',
    chargesViews: true,
    checksGeometry: true,
    killSplit: true,
    vfioDeviceFiles: true,
    holdsIommuGroup: true,
  },
};

/** A version as another one, but for what is named. */
const but = (
  version: KvmVersion,
  switches: Partial<KvmSwitches>,
  features: Partial<KvmFeatures> = {},
): KvmVersion => ({
  switches: { ...version.switches, ...switches },
  features: { ...version.features, ...features },
});

const LINUX_7_2 = but(LINUX_6_12, { rangeCheck: 'unmapAndStuff' });
const LINUX_6_1 = but(LINUX_6_12, { attachHoldsFd: 'unfixed' }, { vfioDeviceFiles: false });
const LINUX_5_19 = but(LINUX_6_1, {}, { holdsIommuGroup: false });
const LINUX_5_1 = but(LINUX_5_19, { clearTceIndex: 'guestIdx', realMode: 'on' }, { killSplit: false });
const LINUX_4_20 = but(LINUX_5_1, {}, { releaseAll: false });
const LINUX_4_18 = but(
  LINUX_4_20,
  { kvmErrors: 'swallow', indirect: 'onePass', sizeMatch: 'exact' },
  { viewPages: 'eager', validate: 'alignment' },
);
const LINUX_4_12 = but(LINUX_4_18, { createLock: 'unfixed' }, { checksGeometry: false });
const LINUX_4_10 = but(LINUX_4_12, { rangeCheck: 'full' }, { spaprTceVfio: false });
const LINUX_4_6 = LINUX_4_10;
const LINUX_4_4 = but(
  LINUX_4_6,
  {},
  { spaprTce64: false, multiTce: false, validate: 'none', chargesViews: false },
);
const LINUX_4_2 = LINUX_4_4;

/** Versions of Linux, each with its switches and features. @see spec 00 section 6, spec 30 */
export const KVM_VERSIONS = {
  'linux-4.2': LINUX_4_2,
  'linux-4.4': LINUX_4_4,
  'linux-4.6': LINUX_4_6,
  'linux-4.10': LINUX_4_10,
  'linux-4.12': LINUX_4_12,
  'linux-4.18': LINUX_4_18,
  'linux-4.20': LINUX_4_20,
  'linux-5.1': LINUX_5_1,
  'linux-5.19': LINUX_5_19,
  'linux-6.1': LINUX_6_1,
  'linux-6.12': LINUX_6_12,
  'linux-7.2': LINUX_7_2,
} as const satisfies Readonly<Record<string, KvmVersion>>;
export type KvmVersionName = keyof typeof KVM_VERSIONS;

/** The kernel most of the recordings come from. */
export const KVM_CONFIG_DEFAULT: KvmConfig = kvmConfig(LINUX_6_12);
