import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WindowSwitches } from '@spapr-dma/qemu-spapr';
import { openInput, type QemuAnswer, readQemuCalls, writtenCall, writtenMeta } from '@spapr-dma/trace';
import type { LiveCase } from '../shrink/shrink.js';
import { stepText } from './answer-text.js';
import { specified } from './play-case.js';
import { keyOf, type Shown, shownBy } from './shown.js';

/** A case that was written to a file, with what a person reads of it. */
export interface WrittenCase {
  /** Null where no file was asked for. */
  readonly file: string | null;
  readonly steps: readonly string[];
}

/** The calls up to the last that was answered, readable. */
export const stepsOf = ({ calls }: LiveCase, answers: readonly QemuAnswer[]): readonly string[] =>
  answers.map((answer, at) => stepText(calls[at]!, answer));

/** Writes a case with QEMU's answers: whoever replays recorded calls reads it. */
export function writeCase(
  file: string,
  { machine, calls }: LiveCase,
  answers: readonly QemuAnswer[],
  notes: Readonly<Record<string, string>>,
): void {
  const lines = answers.map((answer, at) => writtenCall(at, calls[at]!, answer));
  writeFileSync(file, `${[writtenMeta(machine, notes), ...lines].join('\n')}\n`);
}

/** The file of the finding of that number, in a folder that is made where it is missing. */
export function findingFile(folder: string, { kind, call }: Shown, seed: number, number: number): string {
  mkdirSync(folder, { recursive: true });
  return join(folder, `${kind}-${call.op.replaceAll(/[^A-Za-z]+/g, '-')}-${seed}-${number}.jsonl`);
}

/**
 * What the files of a folder show, by its key.
 * @throws InputError for a file that is none of calls
 */
export async function knownCases(
  folder: string,
  switches: Partial<WindowSwitches>,
): Promise<ReadonlyMap<string, WrittenCase>> {
  const known = new Map<string, WrittenCase>();
  const names = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
  for (const name of names.sort()) {
    const file = join(folder, name);
    const { machine, calls: lines } = await readQemuCalls(openInput(file));
    const found = { machine, calls: lines.map(({ call }) => call) };
    const answers = lines.map(({ answer }) => answer);
    const made = specified(found, switches);
    const shown = made === null ? null : shownBy(made.calls, made.expected, answers);
    // Where an earlier call shows something too, the file is about something else.
    if (shown?.at !== answers.length - 1 || known.has(keyOf(shown))) continue;
    known.set(keyOf(shown), { file, steps: stepsOf(found, answers) });
  }
  return known;
}
