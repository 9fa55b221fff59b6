import type { QemuMachine } from '@spapr-dma/trace';

/** What a finding is: answers that differ, or a QEMU that ended as the specification says it must. */
export type FindingKind = 'difference' | 'abort';

/** Something to tell about the QEMU that was asked, or about the specification. */
export interface LiveFinding {
  readonly kind: FindingKind;
  /** The calls that show it, from a fresh machine on: vectors of version 2. Null where no file was asked for. */
  readonly file: string | null;
  /** Calls of that file; the last one shows it. */
  readonly calls: number;
  /** One sentence. */
  readonly text: string;
  /** The calls of the file and their answers, readable. */
  readonly steps: readonly string[];
  /** How often this kind was met. */
  readonly times: number;
  /** Was the file there before the run? */
  readonly known: boolean;
  /** Did it come again on a fresh machine? Where it did not, the file holds all calls that came before it. */
  readonly repeatable: boolean;
}

/** What a comparison came to. */
export interface LiveReport {
  /** Version of the QEMU that was asked. */
  readonly qemu: string;
  readonly seed: number;
  /** Calls whose answers were compared; those that only shrink a finding are not counted. */
  readonly calls: number;
  /** Machines that were asked, each with its own devices; those that only shrink a finding are not counted. */
  readonly machines: number;
  /** Versions of the machines that were asked, in the order of their first. */
  readonly versions: readonly string[];
  /** Calls that were answered otherwise than specified, or not at all; each ends its machine, and 100 end the run. */
  readonly differences: number;
  /** How often each operation was answered with each status. */
  readonly coverage: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** How often each situation, and each branch of the specification, was reached. */
  readonly situations: Readonly<Record<string, number>>;
  /** Documented statuses that no call was answered with, and the reason where there is one. */
  readonly unreached: readonly {
    readonly op: string;
    readonly status: string;
    readonly why: string | null;
  }[];
  readonly findings: readonly LiveFinding[];
  /** Was the run ended before its last call by whoever asked for it? */
  readonly interrupted: boolean;
  /** Why no further machine could be started, in one sentence; null where each was. */
  readonly fault: string | null;
  readonly seconds: number;
}

/** How far a run is. */
export interface LiveProgress {
  readonly calls: number;
  readonly machines: number;
  readonly findings: number;
  /** The machine that is being asked. */
  readonly machine: QemuMachine;
  /** Null while calls are compared; while a finding is shrunk, the fresh machines tried and the calls left. */
  readonly shrinking: { readonly tries: number; readonly calls: number } | null;
}
