import type { Keys } from './keys.js';
import type { Progress } from './progress.js';
import type { Paint } from './text/paint.js';

/** What a verb may use of the place where it runs. */
export interface Host {
  readonly progress: Progress;
  readonly paint: Paint;
  /** Aborted when the person asks to stop. */
  readonly interrupted: AbortSignal;
  /** Null where nobody can press one. */
  readonly keys: Keys | null;
}
