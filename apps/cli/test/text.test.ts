import { describe, expect, test } from 'vitest';
import { jsonText } from '../src/text/json.js';
import { nearest } from '../src/text/nearest.js';
import { colours, paintFor, plain } from '../src/text/paint.js';
import { gathered, spark } from '../src/text/spark.js';
import { abridged, table } from '../src/text/table.js';
import { counted, enumerated, excerpt, pageSize, seconds, share } from '../src/text/words.js';

test.each`
  shift | size
  ${12} | ${'4 KiB'}
  ${16} | ${'64 KiB'}
  ${21} | ${'2 MiB'}
  ${24} | ${'16 MiB'}
  ${34} | ${'16 GiB'}
  ${0}  | ${'1 bytes'}
`('a page of shift $shift has $size', ({ shift, size }) => {
  expect(pageSize(shift)).toBe(size);
});

test.each`
  value     | text
  ${0}      | ${'0 s'}
  ${0.0042} | ${'0.0042 s'}
  ${0.5}    | ${'0.50 s'}
  ${21.37}  | ${'21.4 s'}
  ${1834.4} | ${'1,834 s'}
`('$value seconds are written $text', ({ value, text }) => {
  expect(seconds(value)).toBe(text);
});

test('amounts are counted in words', () => {
  expect(counted(1, 'line')).toBe('1 line');
  expect(counted(2000, 'line')).toBe('2,000 lines');
  expect(counted(2, 'story', 'stories')).toBe('2 stories');
  expect(enumerated(['a', 'b', 'c'])).toBe('a, b and c');
  expect([share(0, 5), share(1, 100_000), share(1, 3), share(1, 20)]).toEqual([
    '0 %',
    '< 0.1 %',
    '33 %',
    '5.0 %',
  ]);
});

test('text from outside cannot command the terminal, and long text is cut', () => {
  expect(excerpt('a\u001b[2Jb\r\nc\u009bd')).toBe('a [2Jb c d');
  expect(excerpt('x'.repeat(1_000_000), 10)).toBe('xxxxxxxxx…');
});

describe('a table', () => {
  test('is as wide as its cells, numbers to the right, colours not counted', () => {
    const columns = [{ title: 'name' }, { title: 'calls', align: 'right' }, { title: 'what' }] as const;
    const rows = [
      ['a', '12', 'x'],
      [{ text: 'long name', paint: colours.bad }, '3', ''],
    ];
    expect(table(columns, rows)).toBe(
      'name       calls  what\na             12  x\n\u001b[31mlong name\u001b[39m      3\n',
    );
  });

  test('of many rows shows the first and the last', () => {
    expect(abridged([1, 2, 3, 4, 5, 6], 4, (count) => -count)).toEqual([1, 2, -2, 5, 6]);
    expect(abridged([1, 2], 4, (count) => -count)).toEqual([1, 2]);
  });
});

test('bars are as high as their values, and never nothing where there is something', () => {
  expect(spark([0, 1, 50, 100])).toBe(' ▁▄█');
  expect(spark([])).toBe('');
  const amounts = [1, 2, 3, 4, 5].map((amount) => ({ place: 2 * amount, amount }));
  expect(gathered(amounts, 4)).toEqual([1, 5, 9]);
  expect(gathered([], 4)).toEqual([]);
});

test.each`
  word           | meant
  ${'fellow'}    | ${'follow'}
  ${'vec'}       | ${'vectors'}
  ${'something'} | ${undefined}
`('$word is near $meant', ({ word, meant }) => {
  expect(nearest(word, ['run', 'follow', 'vectors'])).toBe(meant);
});

test('a document has no field left out, 64-bit values in hex, and short parts on one line', () => {
  const long = Array.from({ length: 40 }, (_, n) => n);
  const text = jsonText({ a: { b: undefined, c: 0x8000_0000n }, none: {}, long: { long } });
  expect(text.split('\n')[1]).toBe('  "a": {"b": null, "c": "0x80000000"},');
  expect(JSON.parse(text)).toEqual({ a: { b: null, c: '0x80000000' }, none: {}, long: { long } });
});

test.each`
  where                           | stream             | env                  | paint
  ${'on a terminal'}              | ${{ isTTY: true }} | ${{}}                | ${colours}
  ${'in a file'}                  | ${{}}              | ${{}}                | ${plain}
  ${'with NO_COLOR'}              | ${{ isTTY: true }} | ${{ NO_COLOR: '1' }} | ${plain}
  ${'with NO_COLOR empty'}        | ${{ isTTY: true }} | ${{ NO_COLOR: '' }}  | ${colours}
  ${'on a terminal that is dumb'} | ${{ isTTY: true }} | ${{ TERM: 'dumb' }}  | ${plain}
`('colours: $where', ({ stream, env, paint }) => {
  expect(paintFor(stream, env)).toBe(paint);
});
