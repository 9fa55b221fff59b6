import { InputError } from '../input.js';
import { LineSplitter } from '../lines.js';
import type { Environment } from '../powernv/environment.js';
import { loadEnvironment } from '../powernv/environment-file.js';
import { PowernvReplay } from '../powernv/powernv-replay.js';
import { isRecordingRow } from '../powernv/row.js';
import { QemuCallsReplay } from './qemu-calls.js';
import { LINE_BYTES_MAX, Tally, type VectorsReplay, type VectorsReport } from './report.js';

export interface VectorsOptions {
  /** Called now and then with the number of lines read. */
  readonly onProgress?: (lines: number) => void;
  /** What recordings of host kernels leave open; `traces/powernv-environment.json` of the repository if left out. */
  readonly environment?: Environment;
}

const PROGRESS_LINES = 1000;

/**
 * Replays recorded calls and compares every answer: those of a QEMU through QEMU's machine, those of a host
 * kernel through the three machines of the host. The first line tells which they are. What is wrong with the
 * input is told in `error`; what came before it is compared all the same.
 */
export async function runVectors(
  input: AsyncIterable<Uint8Array>,
  { onProgress, environment }: VectorsOptions = {},
): Promise<VectorsReport> {
  let replay: VectorsReplay | null = null;
  let line = 0;
  const take = (text: string): void => {
    line++;
    if (text === '') return;
    replay ??= isRecordingRow(text)
      ? new PowernvReplay(environment ?? loadEnvironment())
      : new QemuCallsReplay();
    replay.take(text, line);
  };
  const report = (error: VectorsReport['error']): VectorsReport =>
    (replay?.tally ?? new Tally()).report(replay?.format ?? '', error);
  const splitter = new LineSplitter((bytes, start, end) => {
    take(bytes.toString('utf8', start, end).trimEnd());
    if (line % PROGRESS_LINES === 0) onProgress?.(line);
    return true;
  }, LINE_BYTES_MAX);
  try {
    for await (const chunk of input) splitter.take(chunk);
    const rest = splitter.rest();
    if (rest !== null) take(rest.toString('utf8').trimEnd());
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return report({ line: error.line, text: error.message });
  }
  const result = report(null);
  if (replay === null) return report({ line: null, text: 'the file is empty: it has no vectors' });
  if (result.vectors === 0) return report({ line, text: 'the file ends and it has no calls' });
  return result;
}
