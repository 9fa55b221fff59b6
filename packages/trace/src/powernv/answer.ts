import { ERRNOS, type Errno, type VfioReturn } from '@spapr-dma/protocol';
import type { RecordingRow } from './row.js';

/** How a call ended: what it returned, the error, and what it put out under the names of the recordings. */
export interface Answer {
  readonly ret: number;
  readonly errno: Errno | null;
  readonly out: Readonly<Record<string, string>>;
}

/** What became of a row: the specification's answer, or why it has none. */
export type Played = Answer | { readonly unmodelled: string };

export const returned = (ret: number, out: Answer['out'] = {}): Answer => ({ ret, errno: null, out });
export const refused = (errno: Errno): Answer => ({ ret: -1, errno, out: {} });
export const unmodelled = (reason: string): Played => ({ unmodelled: reason });

/** A system call's result, where its value is what it returned. */
export const answerOf = (result: VfioReturn['result']): Answer =>
  result.ok ? returned(result.value) : refused(result.errno);

export const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

const wordsOf = (out: string): ReadonlyMap<string, string> =>
  new Map(
    out
      .split(' ')
      .filter((word) => word.includes('='))
      .map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]),
  );

const NUMBER = /^-?(?:0x[0-9a-f]+|[0-9]+)$/;

/** `0` and `0x0` are one value. */
const isSame = (a: string, b: string | undefined): boolean =>
  a === b || (b !== undefined && NUMBER.test(a) && NUMBER.test(b) && numberOf(a) === numberOf(b));

const numberOf = (word: string): bigint => (word.startsWith('-') ? -BigInt(word.slice(1)) : BigInt(word));

const errnoNumber = ({ errno }: Answer): number => (errno === null ? 0 : -ERRNOS[errno]);

/**
 * Is an answer the recorded one? All of return value, errno and VmLck, and what the specification says of the
 * call's output. A recorded output of which it says nothing is a difference.
 */
export function agrees(answer: Answer, vmlckKb: number, row: RecordingRow): boolean {
  if (answer.ret !== row.ret || errnoNumber(answer) !== row.errno || vmlckKb !== row.vmlckKb) return false;
  const names = Object.keys(answer.out);
  if (names.length === 0) return row.out === '';
  const recorded = wordsOf(row.out);
  return names.every((name) => isSame(answer.out[name]!, recorded.get(name)));
}

/** The specification's answer, as the report shows it. */
export const expectedOf = (answer: Answer, vmlckKb: number): object => ({
  ret: answer.ret,
  errno: errnoNumber(answer),
  vmlck_kb: vmlckKb,
  out: answer.out,
});

/** The recorded one. */
export const observedOf = ({ ret, errno, vmlckKb, out }: RecordingRow): object => ({
  ret,
  errno,
  vmlck_kb: vmlckKb,
  out: Object.fromEntries(wordsOf(out)),
});
