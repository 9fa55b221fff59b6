import type { StoryMessage } from '../story/result.js';

/** One thing in a chart, in order. */
export type ChartItem =
  | { readonly kind: 'message'; readonly message: StoryMessage }
  /** What the step just shown changed in a machine. */
  | { readonly kind: 'change'; readonly participant: string; readonly text: string }
  /** `times` repetitions of what stands before it were left out. */
  | { readonly kind: 'left-out'; readonly times: number; readonly messages: number }
  | { readonly kind: 'violation'; readonly text: string };
