import { InputError, openInput } from '@spapr-dma/trace';
import type { Host } from './host.js';
import { untilInterrupted } from './interrupt.js';

/** A file or standard input, until its end or until the person asks to stop. */
export const inputOf = (path: string, { interrupted }: Host): AsyncIterable<Uint8Array> =>
  untilInterrupted(
    openInput(path),
    interrupted,
    () => new InputError('interrupted; what is reported came before'),
  );
