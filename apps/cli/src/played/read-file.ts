import { type Counterexample, CounterexampleError, readCounterexample } from '@spapr-dma/system';
import type { Host } from '../host.js';
import { inputOf } from '../inputs.js';
import { inputName } from '../text/words.js';

/** No counterexample is larger: a step is a few hundred bytes. */
const BYTES_MAX = 64 << 20;

async function textOf(path: string, name: string, host: Host): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of inputOf(path, host)) {
    bytes += chunk.length;
    if (bytes > BYTES_MAX) throw new CounterexampleError(`${name} is larger than ${BYTES_MAX >> 20} MiB`);
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new CounterexampleError(`${name} is no text`);
  }
}

/**
 * A counterexample from a file or standard input.
 * @throws CounterexampleError for what is none
 * @throws InputError for a file that cannot be read
 */
export async function readFile(path: string, host: Host): Promise<Counterexample> {
  const name = inputName(path);
  return readCounterexample(await textOf(path, name, host), name);
}
