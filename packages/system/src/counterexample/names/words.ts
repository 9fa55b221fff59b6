import { hex, type ItemNaming, plainWords } from '../naming.js';

const PERMISSIONS = ['no access', 'read', 'write', 'read-write'];

/** A TCE as guest, KVM and hardware have it: an address, and in the two lowest bits what is allowed. */
export const tceWords =
  (space: string) =>
  (tce: bigint): string =>
    tce === 0n ? 'empty' : `${space} ${hex(tce & ~0xfffn)} ${PERMISSIONS[Number(tce & 3n)]}`;

export const addressWords =
  (space: string) =>
  (word: bigint): string =>
    word === 0n ? 'empty' : `${space} ${hex(word)}`;

/** Values in a list that come and go, and are what they are. */
export const valuesCalled = (title: string): ItemNaming<unknown> => ({
  key: plainWords,
  called: (value) => `${title} ${plainWords(value)}`,
});

/** Places that are always there, by their number. */
export const slotsCalled = (title: string, words = plainWords): ItemNaming<unknown> => ({
  key: (_, index) => String(index),
  called: (_, index) => `${title} ${index}`,
  words,
});

export const windowWords = (entries: number, pageShift: number): string =>
  `${entries} entries of 2^${pageShift} bytes`;
