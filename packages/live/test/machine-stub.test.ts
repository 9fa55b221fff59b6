import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { stubImage } from '../src/machine/stub.ts';

const LISTING = fileURLToPath(new URL('../../../tools/qemu-live/stub.lst', import.meta.url));
const SOURCE = fileURLToPath(new URL('../../../tools/qemu-live/stub.S', import.meta.url));

/** Lines of the listing: number of the source's line, offset, word, and the source's line. */
const rows = readFileSync(LISTING, 'utf8')
  .split('\n')
  .map((line) => /^ *(\d+) (?:([\da-f]{4}) ([\dA-F]{8}))? *\t(.*)$/.exec(line))
  .filter((match) => match !== null)
  .map(([, line, at, word, text]) => ({ line: Number(line), at, word, text: text ?? '' }));

test('the program’s bytes are those of its listing', () => {
  const image = Buffer.alloc(0x1000);
  const code = rows.filter(({ at, text }) => at !== undefined && !text.includes('.org'));
  for (const { at, word } of code) image.write(word!, Number.parseInt(at!, 16), 'hex');
  expect(code.length).toBeGreaterThan(60);
  expect(stubImage().equals(image)).toBe(true);
});

test('the listing is that of the source', () => {
  const listed = new Map(rows.map(({ line, text }) => [line, text]));
  const source = readFileSync(SOURCE, 'utf8').trimEnd().split('\n');
  expect([...listed.keys()]).toEqual(source.map((_, n) => n + 1));
  expect([...listed.values()]).toEqual(source);
});

test('the machine starts at 0x100', () => {
  expect(stubImage().readUInt32BE(0x100)).not.toBe(0);
  expect(
    stubImage()
      .subarray(0, 0x100)
      .every((byte) => byte === 0),
  ).toBe(true);
});
