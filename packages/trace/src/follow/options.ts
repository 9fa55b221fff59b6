import type { MachineVersion } from '@spapr-dma/qemu-spapr';
import type { GivenPhb } from './facts.js';

/** What the caller knows that a log does not tell, and how to hear of progress. */
export interface FollowOptions {
  readonly phbs?: readonly GivenPhb[];
  readonly machine?: MachineVersion;
  /** Takes every line the long way, as if anything could be pending: slower, with the same report. */
  readonly plain?: boolean;
  /** Called now and then with the lines and bytes read so far. */
  readonly onProgress?: (lines: number, bytes: number) => void;
}
