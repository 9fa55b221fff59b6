import { hostPageShift, tceIndex } from '@spapr-dma/protocol';
import { VFIO_HOST_6_12, type VfioHostConfig } from '@spapr-dma/vfio-host';
import type { Settings } from '../settings.js';
import { SIZES, type Size } from '../sizes.js';
import { valuesOf } from './values.js';

/** Settings of VFIO that other machines have fields of the same name for. */
const RENAMED = { defaultWindow: 'vfioDefaultWindow' } as const;

/** VFIO's configuration, of settings that were validated. */
export const vfioConfigOf = (settings: Settings, size: Size, pageShift: 12 | 16): VfioHostConfig => ({
  ...VFIO_HOST_6_12,
  hostPageShift: hostPageShift(pageShift),
  entriesAtOnce: SIZES[size].entriesAtOnce,
  coarseFrom: tceIndex(SIZES[size].coarseFrom),
  switches: valuesOf(VFIO_HOST_6_12.switches, settings),
  features: valuesOf(VFIO_HOST_6_12.features, settings, RENAMED),
});
