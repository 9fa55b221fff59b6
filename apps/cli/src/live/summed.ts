import type { LiveReport } from '@spapr-dma/live';
import type { Compared } from './live-document.js';

type Report = Compared['report'];

/** The report of a call in which nothing was asked yet. */
export const nothingAsked = (qemu: string | null, seed: number | null): Report => ({
  qemu,
  seed,
  calls: 0,
  machines: 0,
  versions: [],
  differences: 0,
  coverage: {},
  situations: {},
  unreached: [],
  findings: [],
  seconds: 0,
});

/** What was asked in two parts, together, without what was found. */
export const summed = (
  report: Report,
  { calls, machines, versions, seconds }: Pick<LiveReport, 'calls' | 'machines' | 'versions' | 'seconds'>,
): Report => ({
  ...report,
  calls: report.calls + calls,
  machines: report.machines + machines,
  versions: [...new Set([...report.versions, ...versions])],
  seconds: report.seconds + seconds,
});
