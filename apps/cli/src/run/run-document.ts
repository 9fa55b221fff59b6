import type { StoryResult } from '@spapr-dma/system';
import type { Fault } from '../answer.js';

/** A story as `--json` tells it: counts in place of the messages, which are the chart's matter. */
export const storyDocument = (result: StoryResult) => ({
  name: result.name,
  title: result.title,
  preset: result.preset,
  size: result.size,
  settings: result.settings,
  steps: result.steps,
  messages: result.messages.length,
  /** Modelled time. */
  nanoseconds: result.time,
  properties: result.properties.map(({ name, title, holds, expected, reached, firstStep, text }) => ({
    name,
    title,
    holds,
    expected,
    reached,
    firstStep,
    text,
  })),
  windows: result.windows.map(({ participant, liobn, start, pageShift, entries, mapped }) => ({
    participant,
    liobn: `0x${liobn.toString(16)}`,
    start: `0x${start.toString(16)}`,
    pageShift,
    entries,
    mapped,
  })),
  reports: result.reports,
  aborted: result.aborted,
  applies: result.applies,
  mistakes: result.mistakes,
  outcome: result.outcome,
});

export const runDocument = (results: readonly StoryResult[], error: Fault | null) => ({
  stories: results.map(storyDocument),
  error,
});
