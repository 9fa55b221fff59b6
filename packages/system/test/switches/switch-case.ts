import type { Vma } from '@spapr-dma/protocol';
import type { Settings } from '../../src/settings.ts';
import type { Size } from '../../src/sizes.ts';
import type { Run } from './run.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** What a run comes to with one value of a setting. */
export interface Outcome {
  /** What is seen of the run; no two values show the same. */
  readonly sees: unknown;
  /** Properties that are violated; all others hold. */
  readonly violated?: readonly string[];
}

interface CommonCase {
  readonly setting: string;
  /** What happens, as a sentence. */
  readonly about: string;
  /** Other settings that it takes; all else is repaired. */
  readonly also?: Settings;
  /** Default: `minimal`. */
  readonly size?: Size;
  readonly sees: (run: Run) => unknown;
  readonly values: Readonly<Record<string, Outcome>>;
}

/** A short run of a whole machine that goes one way with one value of a setting, and another with the next. */
export interface MachineCase extends CommonCase {
  readonly machine: Fields;
  readonly script: readonly Fields[];
}

/** The same for a VMM that is not QEMU, and that we play: what QEMU never does, others may. */
export interface UserspaceCase extends CommonCase {
  readonly host?: {
    readonly pageShift?: 12 | 16;
    readonly generation?: 'PHB3' | 'PHB4';
    /** log2 of the pages behind the VMM's memory. */
    readonly backingShift?: number;
    readonly vmas?: readonly Vma[];
  };
  readonly calls: readonly Fields[];
}

export type SwitchCase = MachineCase | UserspaceCase;
