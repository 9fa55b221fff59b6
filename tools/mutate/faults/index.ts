import type { Fault } from '../fault.ts';
import { callFaults } from './calls.ts';
import { dmaFaults } from './dma.ts';
import { hotplugFaults } from './hotplug.ts';
import { hypercallFaults } from './hypercalls.ts';
import { migrationFaults } from './migration.ts';
import { tableFaults } from './tables.ts';
import { vfioFaults } from './vfio.ts';
import { viewFaults } from './views.ts';
import { windowFaults } from './windows.ts';

/** All faults, by subject. */
export const SUBJECTS: readonly (readonly [title: string, faults: readonly Fault[]])[] = [
  ['The four hypercalls', hypercallFaults],
  ['DDW calls', windowFaults],
  ['Tables, resets, VIO', tableFaults],
  ['DMA of emulated devices', dmaFaults],
  ['Migration', migrationFaults],
  ['Hotplug, memory', hotplugFaults],
  ['Which calls there are', callFaults],
  ['Views in KVM, notifiers, replays', viewFaults],
  ['VFIO', vfioFaults],
];

export const FAULTS: readonly Fault[] = SUBJECTS.flatMap(([, faults]) => faults);
