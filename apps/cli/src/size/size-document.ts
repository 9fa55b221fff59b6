import type { SizeReport } from '@spapr-dma/system';
import type { Fault } from '../answer.js';

/** The report as JSON; null where nothing was sized. */
export function sizeDocument(report: SizeReport | null, error: Fault | null) {
  return {
    lockedKb: report?.lockedKb ?? null,
    memlock: report?.memlock ?? null,
    windows: (report?.windows ?? []).map(({ start, ...window }) => ({
      start: `0x${start.toString(16)}`,
      ...window,
    })),
    firstFailure: report?.firstFailure ?? null,
    error,
  };
}
