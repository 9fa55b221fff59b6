import { KVM_CONFIG_DEFAULT, type KvmConfig, kvmConfig } from '@spapr-dma/kvm';
import { hostPageShift } from '@spapr-dma/protocol';
import type { KvmCaps } from '@spapr-dma/qemu-spapr';
import type { Settings } from '../settings.js';
import { SIZES, type Size } from '../sizes.js';
import { valuesOf } from './values.js';

/** KVM's configuration, of settings that were validated. */
export function kvmConfigOf(settings: Settings, size: Size, pageShift: 12 | 16): KvmConfig {
  const { indirectTcesMax, entriesAtOnce } = SIZES[size];
  const switches = valuesOf(KVM_CONFIG_DEFAULT.switches, settings);
  return kvmConfig(
    {
      // Before KVM wrote hardware tables, it held the whole range against the window, whatever VFIO did.
      switches: settings.spaprTceVfio === 'true' ? switches : { ...switches, rangeCheck: 'full' },
      features: valuesOf(KVM_CONFIG_DEFAULT.features, settings),
    },
    { hostPageShift: hostPageShift(pageShift), entriesAtOnce, indirectTcesMax },
  );
}

/** What QEMU learns of that KVM by KVM_CHECK_EXTENSION. */
export const kvmCapsOf = (settings: Settings): KvmCaps => ({
  spaprTce: true,
  spaprTce64: settings.spaprTce64 === 'true',
  spaprTceVfio: settings.spaprTceVfio === 'true',
  multiTce: settings.multiTce === 'true',
});
