/** A single mistake that could be in the machine of `packages/qemu-spapr`. */
export interface Fault {
  readonly name: string;
  /** Below `packages/qemu-spapr/src`. */
  readonly file: string;
  /** Which rule of QEMU's is broken, in one sentence. */
  readonly what: string;
  /** Source text that stands once in the file. */
  readonly before: string;
  readonly after: string;
}

/** Where the sources are that faults are planted in. */
export const FAULTY_SOURCES = 'packages/qemu-spapr/src';

/** How often a text holds another one. */
const timesIn = (text: string, part: string): number => text.split(part).length - 1;

/**
 * The source with the fault in it.
 * @throws where the text to replace is not there, or more than once, or is replaced by itself
 */
export function planted(source: string, { name, file, before, after }: Fault): string {
  const times = timesIn(source, before);
  if (times !== 1) throw new RangeError(`${name}: its text stands ${times} times in ${file}, and not once`);
  if (before === after) throw new RangeError(`${name}: it changes nothing`);
  return source.replace(before, () => after);
}
