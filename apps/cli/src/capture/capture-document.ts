import type { Description, RecordingFiles } from '@spapr-dma/capture';
import type { FollowReport } from '@spapr-dma/trace';
import type { Fault } from '../answer.js';

/** A recording, and what following it came to. */
export interface Captured {
  readonly description: Description;
  readonly files: RecordingFiles;
  readonly report: FollowReport;
}

/** `spapr-dma capture --json`; `qemu` is its version, or null where none was asked. */
export const captureDocument = (qemu: string | null, captured: readonly Captured[], error: Fault | null) => ({
  qemu,
  recordings: captured.map(({ description, files, report }) => ({
    name: description.name,
    scenario: description.scenario,
    shows: description.shows,
    kernel: description.guest.kernel,
    pageBytes: description.guest.pageBytes,
    files: { ...files },
    seconds: description.seconds,
    trouble: description.trouble,
    accepted: report.accepted,
    lines: report.lines,
    windows: report.windows.length + report.windowsOmitted.count,
    findings: report.findings,
    divergence: report.divergence,
    unreadable: report.error,
  })),
  error,
});

export type CaptureDocument = ReturnType<typeof captureDocument>;

/** The document where nothing was recorded. */
export const uncaptured = (error: Fault): CaptureDocument => captureDocument(null, [], error);
