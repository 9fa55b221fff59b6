import type { Size } from './sizes.js';

/** What `listStories` tells of a story. */
export interface StorySummary {
  readonly id: string;
  readonly title: string;
  /** What it shows, in a sentence or two. */
  readonly shows: string;
  /** Presets in which it makes sense; it runs as a test in each. The first is the one it runs in by default. */
  readonly presets: readonly string[];
  readonly size: Size;
}

/** A story that was read and found well-formed. */
export interface Story extends StorySummary {
  /** File it came from, for messages. */
  readonly file: string;
}
