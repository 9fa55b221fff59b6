import type { Progress } from '@spapr-dma/checker';
import type { Found, Request } from './explore.js';

/** What the thread that searches is given. */
export interface Task {
  readonly request: Request;
  /** Its first cell is 1 where the search is to stop. */
  readonly stop: Int32Array;
}

/** What it says. */
export type Told =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'found'; readonly found: Found }
  /** The call is unusable. */
  | { readonly kind: 'refused'; readonly text: string };
