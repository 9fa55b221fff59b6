import type { FollowReport } from '@spapr-dma/trace';
import type { Fault } from '../answer.js';

/** The report on a log of which nothing was followed. */
export const unfollowed = (error: Fault): FollowReport => ({
  accepted: false,
  lines: 0,
  events: {},
  ignored: {},
  branches: 0,
  reordered: 0,
  aborted: false,
  windows: [],
  windowsOmitted: { count: 0, peak: 0, leftMapped: 0 },
  findings: [],
  phbs: [],
  phases: [],
  rates: { bucketSeconds: null, buckets: [] },
  clock: { backwards: 0, firstLine: null },
  lost: { events: 0, firstLine: null },
  divergence: null,
  error,
});
