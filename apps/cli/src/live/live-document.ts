import type { LiveReport, SpecificationCoverage } from '@spapr-dma/live';
import type { Fault } from '../answer.js';

/** A file of calls that was replayed on a real QEMU. */
export interface ReplayedFile {
  readonly file: string;
  readonly machine: string;
  readonly calls: number;
  /** Calls that QEMU answered otherwise than specified. It is asked until its end, or the first of them. */
  readonly differences: number;
  /** Calls that it answered as specified, and otherwise than when the file was recorded. */
  readonly unlikeRecorded: number;
  /** The end of QEMU, in its own words; null where it lives. */
  readonly abort: string | null;
}

/** A known defect, which the QEMU that was asked has or has not. */
export interface Defect {
  readonly switch: string;
  /** What the switch is about, and where that is from. */
  readonly about: string;
  readonly source: string;
  readonly confirmed: boolean;
  /** The calls that show it, and how many they are; null where none do. */
  readonly file: string | null;
  readonly calls: number | null;
  readonly text: string | null;
  readonly steps: readonly string[];
}

/** What a call of the verb came to. */
export interface Compared {
  readonly report: Omit<LiveReport, 'qemu' | 'seed' | 'interrupted' | 'fault'> & {
    readonly qemu: string | null;
    readonly seed: number | null;
  };
  readonly switches: Readonly<Record<string, string>>;
  /** What ran of the specification; null where nobody watched. */
  readonly branches: SpecificationCoverage | null;
  readonly files: readonly ReplayedFile[];
  readonly defects: readonly Defect[];
  readonly error: Fault | null;
}

const branchesDocument = ({ files, unreached }: SpecificationCoverage) => ({
  files: files.map(({ file, reached, functions }) => ({ file, reached, functions })),
  unreached: unreached.map(({ file, line, name, kind, text, why }) => ({
    file,
    line,
    name,
    kind,
    text,
    why,
  })),
});

/** What a call of the verb came to, as `--json` tells it. */
export function liveDocument({ report, switches, branches, files, defects, error }: Compared) {
  const { qemu, seed, calls, machines, versions, differences, coverage, situations, unreached, seconds } =
    report;
  const findings = report.findings.map(({ kind, file, calls: n, text, steps, times, known, repeatable }) => ({
    kind,
    file,
    calls: n,
    text,
    steps,
    times,
    known,
    repeatable,
  }));
  return {
    qemu,
    seed,
    switches,
    calls,
    machines,
    versions,
    seconds,
    differences,
    coverage,
    situations,
    unreached: unreached.map(({ op, status, why }) => ({ op, status, why })),
    branches: branches && branchesDocument(branches),
    findings,
    files,
    defects,
    error,
  };
}

/** The document of a call in which nothing was compared. */
export const notCompared = (error: Fault) => ({
  qemu: null,
  seed: null,
  switches: {},
  calls: 0,
  machines: 0,
  versions: [],
  seconds: 0,
  differences: 0,
  coverage: {},
  situations: {},
  unreached: [],
  branches: null,
  findings: [],
  files: [],
  defects: [],
  error,
});
