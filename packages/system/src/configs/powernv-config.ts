import { LINUX_6_12, type PowernvConfig } from '@spapr-dma/powernv-ioda2';
import { type Bytes, hostPageShift } from '@spapr-dma/protocol';
import type { Settings } from '../settings.js';
import { valuesOf } from './values.js';

/** What a story says of the host, as far as the platform reads it. */
export interface HostFacts {
  readonly pageShift: 12 | 16;
  readonly ram: Bytes;
  readonly nobypass: boolean;
}

/** Settings of the platform that other machines have fields of the same name for. */
const RENAMED = { defaultWindow: 'hostDefaultWindow' } as const;

/** The platform's configuration, of settings that were validated. */
export const powernvConfigOf = (
  settings: Settings,
  { pageShift, ram, nobypass }: HostFacts,
): PowernvConfig => ({
  ...LINUX_6_12,
  hostPageShift: hostPageShift(pageShift),
  ramBytes: ram,
  nobypass,
  switches: valuesOf(LINUX_6_12.switches, settings),
  features: valuesOf(LINUX_6_12.features, settings, RENAMED),
});
