import { InputError } from '../input.js';
import { LineSplitter } from '../lines.js';
import { type CallLine, parseCallLine } from './call-line.js';
import { type MetaLine, parseMeta } from './meta-line.js';
import { LINE_BYTES_MAX } from './report.js';

/** A file of calls as a whole. */
export interface QemuCalls extends MetaLine {
  readonly calls: readonly CallLine[];
}

/**
 * Reads a file of calls, of either version.
 * @throws InputError for what is wrong with it, in one sentence
 */
export async function readQemuCalls(input: AsyncIterable<Uint8Array>): Promise<QemuCalls> {
  let meta: MetaLine | null = null;
  let line = 0;
  const calls: CallLine[] = [];
  const take = (text: string): true => {
    line++;
    if (text === '') return true;
    if (meta === null) meta = parseMeta(text, line);
    else calls.push(parseCallLine(text, line, meta.version));
    return true;
  };
  const splitter = new LineSplitter(
    (bytes, start, end) => take(bytes.toString('utf8', start, end).trimEnd()),
    LINE_BYTES_MAX,
  );
  for await (const chunk of input) splitter.take(chunk);
  const rest = splitter.rest();
  if (rest !== null) take(rest.toString('utf8').trimEnd());
  if (meta === null) throw new InputError('the file is empty: it has no calls');
  return { ...(meta as MetaLine), calls };
}
