import { type MachineVersion, QEMU_7_2, type QemuConfig } from '@spapr-dma/qemu-spapr';
import type { Settings } from '../settings.js';
import { valuesOf } from './values.js';

/** QEMU's configuration, of settings that were validated. */
export const qemuConfigOf = (settings: Settings): QemuConfig => ({
  machine: settings.machine as MachineVersion,
  switches: valuesOf(QEMU_7_2.switches, settings),
  features: valuesOf(QEMU_7_2.features, settings),
});
