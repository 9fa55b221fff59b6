import type { MachineVersion, WindowSwitches } from '@spapr-dma/qemu-spapr';
import type { StartTarget } from '../target.js';
import type { LiveProgress } from './report.js';

/** What a run is asked for. */
export interface LiveOptions {
  readonly start: StartTarget;
  /** Version of the QEMU that `start` starts. */
  readonly qemu: string;
  /** Machine versions to choose from. */
  readonly machines: readonly MachineVersion[];
  /** The same seed makes the same calls. */
  readonly seed: number;
  readonly calls: number;
  /** Behaviours of the specification that differ from QEMU 7.2 as it was released. */
  readonly switches?: Partial<WindowSwitches>;
  /** Folder for the files of findings, which is made where it is missing; without it nothing is written. */
  readonly out?: string | null;
  /** Folder of files of findings that are known: one of these is named, and not shrunk anew. */
  readonly known?: string | null;
  /** May somebody at the monitor do something: resets, hotplug, migration? True if left out. */
  readonly monitor?: boolean;
  /** Ends with the first difference; then what changes windows is called more often. */
  readonly until?: 'difference';
  /** Ends the run with what was found so far. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LiveProgress) => void;
}
