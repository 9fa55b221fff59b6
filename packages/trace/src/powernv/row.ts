import { Fields } from '../vectors/fields.js';

/** One line of a recording: a call that a process made to a host kernel, and how it ended. */
export interface RecordingRow {
  readonly line: number;
  /** Which run of which machine the line comes from. */
  readonly run: string;
  readonly kernel: string;
  readonly machine: string;
  readonly scenario: string;
  /** The step's number within its scenario. */
  readonly n: number;
  readonly op: string;
  readonly args: string;
  readonly ret: number;
  /** As C has it: positive, and 0 where the call succeeded. */
  readonly errno: number;
  /** VmLck of the process after the call. */
  readonly vmlckKb: number;
  /** What the call put out, as `key=value` words; empty where it put out nothing. */
  readonly out: string;
}

/** A line that says something and calls nothing. */
export const isNote = ({ op }: RecordingRow): boolean => op === 'note';

/** Does a file whose first line this is hold recordings of host kernels? */
export function isRecordingRow(text: string): boolean {
  try {
    const row: unknown = JSON.parse(text);
    return typeof row === 'object' && row !== null && 'kernel' in row && 'machine' in row && 'sc' in row;
  } catch {
    return false;
  }
}

/**
 * Reads one line. The step's text (`step`), what the kernel logged (`kmsg`) and `dlck_kb`, which follows from
 * `vmlck_kb`, are left alone.
 * @throws InputError naming the field that is wrong
 */
export function parseRow(text: string, line: number): RecordingRow {
  const fields = Fields.parse(text, line);
  const count = (name: string): number => {
    const value = fields.number(name);
    return value >= 0 ? value : fields.wrong(`has a negative number in '${name}'`);
  };
  return {
    line,
    run: fields.string('run'),
    kernel: fields.string('kernel'),
    machine: fields.string('machine'),
    scenario: fields.string('sc'),
    n: count('n'),
    op: fields.string('op'),
    args: fields.string('args'),
    ret: fields.number('ret'),
    errno: count('errno'),
    vmlckKb: count('vmlck_kb'),
    out: fields.has('out') ? fields.string('out') : '',
  };
}
