import { type Tce, type TceCount, type TceIndex, tce, tceCount, tceIndex } from '@spapr-dma/protocol';
import {
  edit,
  fingerprint,
  type TceEditor,
  type TceTable,
  tceAt,
  tceTable,
  withTces,
} from '@spapr-dma/tce-table';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  after,
  afterAll,
  inOrder,
  plainAfterAll,
  plainOf,
  someEntries,
  someWrites,
  type Write,
} from './plain-table.ts';

const halves = (value: Tce): [high: number, low: number] => [
  Number(value >> 32n),
  Number(value & 0xffff_ffffn),
];

/** What a write does to a draft. */
function editBy(editor: TceEditor, write: Write): void {
  if (write.op === 'put') editor.put(write.index, ...halves(write.tce));
  if (write.op === 'fill') editor.fill(write.first, write.count, ...halves(write.tce));
  if (write.op === 'list') {
    for (const [entry, value] of write.tces.entries()) {
      editor.put(tceIndex(write.first + entry), ...halves(value));
    }
  }
}

const edited = (table: TceTable, writes: readonly Write[]): TceTable =>
  edit(table, (editor) => {
    for (const write of writes) editBy(editor, write);
  });

describe('an edit', () => {
  test('makes the very structure that the same writes make one by one', () => {
    fc.assert(
      fc.property(someWrites(), someWrites(), ({ entries, writes }, more) => {
        const later = more.entries <= entries ? more.writes : [];
        const before = afterAll(entries, writes);
        expect(edited(before, later)).toEqual(later.reduce(after, before));
      }),
    );
  });

  test('leaves the table that it begins with as it was', () => {
    fc.assert(
      fc.property(someWrites(), someWrites(), ({ entries, writes }, more) => {
        const before = afterAll(entries, writes);
        const mark = fingerprint(before);
        edited(before, more.entries <= entries ? more.writes : []);
        expect(inOrder(plainOf(before))).toEqual(inOrder(plainAfterAll(writes)));
        expect(fingerprint(before)).toBe(mark);
      }),
    );
  });

  test('that changes nothing in the end answers the very same table', () => {
    fc.assert(
      fc.property(someWrites(), ({ entries, writes }) => {
        const table = afterAll(entries, writes);
        const back = edit(table, (editor) => {
          const before = plainOf(table);
          editor.fill(tceIndex(0), entries, 7, 7);
          editor.fill(tceIndex(0), entries, 0, 0);
          for (const [index, value] of before) editor.put(tceIndex(index), ...halves(tce(value)));
        });
        expect(back).toBe(table);
      }),
    );
  });

  test('writes the same leaf after a fill has replaced it', () => {
    const table = edit(tceTable(tceCount(1000)), (editor) => {
      for (let index = 0; index < 20; index += 1) editor.put(tceIndex(index), 1, index);
      editor.fill(tceIndex(0), tceCount(1000), 2, 2);
      editor.put(tceIndex(19), 3, 3);
    });
    expect(tceAt(table, tceIndex(5))).toBe(0x2_0000_0002n);
    expect(tceAt(table, tceIndex(19))).toBe(0x3_0000_0003n);
  });

  test('takes halves modulo 2^32', () => {
    const table = edit(tceTable(tceCount(40)), (editor) => {
      editor.put(tceIndex(0), -1, 0x8000_0003 | 0);
      editor.put(tceIndex(1), -1, 0x8000_0003 | 0);
      editor.fill(tceIndex(32), tceCount(2), -1, 0x8000_0003 | 0);
    });
    for (const index of [0, 1, 32, 33]) expect(tceAt(table, tceIndex(index))).toBe(0xffff_ffff_8000_0003n);
    const value = tce(0xffff_ffff_8000_0003n);
    const whole = withTces(tceTable(tceCount(40)), tceIndex(0), [value, value]);
    expect(table).toEqual(withTces(whole, tceIndex(32), [value, value]));
  });

  test('cannot be continued once its table has been handed out', () => {
    let kept: TceEditor | undefined;
    const table = edit(tceTable(tceCount(100)), (editor) => {
      kept = editor;
      editor.put(tceIndex(1), 0, 3);
    });
    expect(() => kept?.put(tceIndex(2), 0, 3)).toThrow('This edit is over');
    expect(() => kept?.put(tceIndex(1), 0, 0)).toThrow('This edit is over');
    expect(() => kept?.fill(tceIndex(0), tceCount(100), 0, 0)).toThrow('This edit is over');
    expect(inOrder(plainOf(table))).toEqual([[1, 3n]]);
  });

  test('that throws changes nothing, and the exception goes on', () => {
    const table = withTces(tceTable(tceCount(100)), tceIndex(0), [tce(1n), tce(2n)]);
    expect(() =>
      edit(table, (editor) => {
        editor.put(tceIndex(0), 9, 9);
        throw new Error('broken off');
      }),
    ).toThrow('broken off');
    expect(inOrder(plainOf(table))).toEqual([
      [0, 1n],
      [1, 2n],
    ]);
  });

  test('refuses a place that the table does not have, next to a leaf it holds too', () => {
    fc.assert(
      fc.property(someEntries, (entries) => {
        edit(tceTable(entries), (editor) => {
          editor.put(tceIndex(entries - 1), 0, 3);
          for (const index of [entries, entries - 0.5, -1, Number.NaN]) {
            expect(() => editor.put(index as TceIndex, 0, 3)).toThrow(RangeError);
            expect(() => editor.fill(index as TceIndex, 1 as TceCount, 0, 3)).toThrow(RangeError);
          }
        });
      }),
    );
  });
});
