import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalPowernv, type PowernvReceived } from '../src/index.ts';
import {
  accessAnswer,
  after,
  claim,
  clear,
  codeOf,
  costsOf,
  create,
  createdIn,
  fail,
  get,
  type Host,
  kill,
  type Options,
  put,
  readSlots,
  send,
  set,
  started,
  table,
  windowed,
  writeSlots,
  xchg,
} from './machine.ts';

const PAGE = 0x1000n;
/** Window 0 of group 0: 4K pages, with so many levels. */
const window = (levels: number, sizeShift: number, options: Options = {}) =>
  windowed(started(options, claim()), 0, 12, 1n << BigInt(sizeShift), levels);

const key = (host: Host): string => JSON.stringify(canonicalPowernv(host.context));
/** Without what tells which levels are allocated: a refused write may have allocated some on its way. */
const old = (host: Host, message: PowernvReceived) =>
  accessAnswer(send(host, message)).old.map(
    ({ index, count, hpa, perm }) => `${index}+${count}: 0x${hpa.toString(16)}/${perm}`,
  );

describe('tce_xchg', () => {
  const { host, table: t } = window(1, 31);
  const mapped = after(host, xchg(t, 5, 0x50_0000n, 3, 4));

  test('answers with what stood there, as runs of ascending addresses', () => {
    expect(old(host, xchg(t, 5, 0x50_0000n, 3, 4))).toEqual([]);
    expect(old(mapped, clear(t, 0, 16))).toEqual(['5+4: 0x500000/3']);
    const parted = after(mapped, xchg(t, 6, 0x90_0000n, 1));
    expect(old(parted, clear(t, 0, 0x80000))).toEqual([
      '5+1: 0x500000/3',
      '6+1: 0x900000/1',
      '7+2: 0x502000/3',
    ]);
  });

  test.each`
    asked | stored
    ${1}  | ${1}
    ${2}  | ${3}
    ${3}  | ${3}
  `('permission $asked is stored as $stored: whoever may write may read', ({ asked, stored }) => {
    expect(old(after(host, xchg(t, 0, PAGE, asked)), clear(t, 0))).toEqual([`0+1: 0x1000/${stored}`]);
  });

  test('an address without permission maps nothing, and stays until it is cleared', () => {
    const written = after(host, xchg(t, 0, PAGE, 0));
    expect(old(written, clear(t, 0))).toEqual(['0+1: 0x1000/0']);
  });

  test('each write costs, and is told to nobody before it is killed', () => {
    expect(costsOf(send(host, xchg(t, 0, PAGE, 3, 64)))).toEqual({ map: 64 });
    const killed = send(host, kill(t, 0, 64));
    expect(costsOf(killed)).toEqual({ kill: 1 });
  });

  test('until linux-5.3 each exchange invalidates its page', () => {
    const before = started({ linux: 'linux-5.3' });
    const of = windowed(before, 1, 12, 1n << 20n, 1);
    expect(costsOf(send(of.host, xchg(of.table, 0, PAGE, 3, 4)))).toEqual({ map: 4, kill: 4 });
    expect(send(of.host, kill(of.table, 0, 4)).sent).toHaveLength(1);
  });

  test('a table that is not there is a use after free', () => {
    const gone = send(host, xchg(77, 0, PAGE));
    expect(accessAnswer(gone)).toMatchObject({ ok: false, done: 0 });
    expect(gone.host.context.accidents).toMatchObject({ useAfterFree: true });
  });
});

describe('levels that are allocated on demand', () => {
  const { host, table: t } = window(2, 40);
  const below = (at: Host) => table(at, t).hardwareLevels.below[0]!;

  test('a write brings in the level of its entry, once', () => {
    const first = send(host, xchg(t, 0, PAGE));
    expect(costsOf(first)).toEqual({ 'table-page': 2, map: 1 });
    expect(costsOf(send(first.host, xchg(t, 1, PAGE)))).toEqual({ map: 1 });
    expect(below(first.host)).not.toEqual(below(host));
  });

  test('clearing brings in nothing, and steps over what is missing', () => {
    const cleared = send(host, clear(t, 0, 2 ** 28));
    expect(cleared.host.context).toEqual(host.context);
    expect(accessAnswer(cleared)).toMatchObject({ ok: true, done: 2 ** 28, walked: 0, old: [] });
    const used = send(host, xchg(t, 2 ** 20, PAGE));
    expect(accessAnswer(send(used.host, clear(t, 0, 2 ** 28)))).toMatchObject({ walked: 2 ** 14 });
  });

  test('an address without permission is not stored where a level is missing', () => {
    expect(send(host, xchg(t, 3, PAGE, 0)).host.context).toEqual(host.context);
    const used = after(host, xchg(t, 2 ** 14 - 1, PAGE), clear(t, 2 ** 14 - 1));
    const written = send(used, xchg(t, 2 ** 14 - 2, PAGE, 0, 4));
    expect(old(written.host, clear(t, 0, 2 ** 28))).toEqual(['16382+2: 0x1000/0']);
  });

  test('where no memory is left, it ends before the first entry whose level is missing', () => {
    const used = after(host, xchg(t, 0, PAGE), fail('tce_level_alloc'));
    const stepped = send(used, xchg(t, 2 ** 14 - 3, 0x10_0000n, 3, 8));
    expect(accessAnswer(stepped)).toMatchObject({ ok: false, done: 3 });
    expect(old(stepped.host, clear(t, 1, 2 ** 20))).toEqual(['16381+3: 0x100000/3']);
    expect(accessAnswer(send(stepped.host, xchg(t, 2 ** 14, PAGE)))).toMatchObject({ ok: true });
  });
});

describe('one exchange of a range is as many exchanges of one entry', () => {
  /** What both ways say and leave, from the same start. */
  const compared = (host: Host, t: number, index: number, hpa: bigint, perm: number, count: number) => {
    const asOne = send(host, xchg(t, index, hpa, perm, count));
    const step = hpa === 0n && perm === 0 ? 0n : PAGE;
    let each = host;
    let done = 0;
    let walked = 0;
    const olds = new Map<number, string>();
    for (let n = 0; n < count; n += 1) {
      const stepped = send(each, xchg(t, index + n, hpa + step * BigInt(n), perm));
      for (const { index: at, hpa: was, perm: had } of accessAnswer(stepped).old)
        olds.set(at, `${was}/${had}`);
      each = stepped.host;
      walked += accessAnswer(stepped).walked!;
      if (!accessAnswer(stepped).ok) break;
      done += 1;
    }
    const whole = new Map(
      accessAnswer(asOne).old.flatMap(({ index: at, count: length, hpa: was, perm: had }) =>
        Array.from({ length }, (_, n) => [at + n, `${was + PAGE * BigInt(n)}/${had}`] as const),
      ),
    );
    expect(accessAnswer(asOne)).toMatchObject({ done, walked });
    expect(whole).toEqual(olds);
    expect(key(asOne.host)).toBe(key(each));
    return asOne.host;
  };

  const { host: flat, table: flatTable } = window(1, 25);
  const { host: tree, table: treeTable } = window(2, 40);
  /** Around the end of a level of the tree, and the end of the flat table and of what lies behind it. */
  const places = fc.constantFrom(0, 5, 8185, 16_380, 16_384 * 3 - 4, 2 ** 14 - 6);
  const write = fc.record({
    at: places,
    more: fc.nat(6),
    hpa: fc.constantFrom(0n, 0x10_0000n, 0x20_0000n),
    perm: fc.nat(3),
    count: fc.integer({ min: 1, max: 12 }),
    fails: fc.boolean(),
    kills: fc.boolean(),
  });

  test.each([
    ['of one level', flat, flatTable],
    ['of two levels', tree, treeTable],
  ] as const)('in a table %s', (_, start, t) => {
    fc.assert(
      fc.property(fc.array(write, { maxLength: 6 }), (writes) => {
        let host = after(start, set(0, t));
        for (const { at, more, hpa, perm, count, fails, kills } of writes) {
          if (fails) host = after(host, fail('tce_level_alloc'));
          if (kills) host = after(host, kill(t, 0, table(host, t).size));
          host = compared(host, t, at + more, hpa, perm, count);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('userspace slots', () => {
  const { host, table: t } = window(2, 40);
  const slots = (at: Host, index: number, count: number) =>
    accessAnswer(send(at, readSlots(t, index, count))).slots.map(
      ({ index: first, count: length, ua }) => `${first}+${length}: 0x${ua.toString(16)}`,
    );

  test('a slot whose level is missing is empty, and brings it in where that is asked', () => {
    expect(accessAnswer(send(host, readSlots(t, 0)))).toMatchObject({ ok: false, done: 0, slots: [] });
    const brought = send(host, readSlots(t, 0, 1, true));
    expect(accessAnswer(brought)).toMatchObject({ ok: true, done: 1 });
    expect(costsOf(brought)).toEqual({ 'table-page': 2 });
    expect(accessAnswer(send(brought.host, readSlots(t, 0)))).toMatchObject({ ok: true });
    // The levels of the hardware's tree are others.
    expect(costsOf(send(brought.host, xchg(t, 0, PAGE)))).toMatchObject({ 'table-page': 2 });
  });

  test('what is written is read, as runs; null empties', () => {
    const written = after(host, writeSlots(t, 2 ** 14 - 2, 0x7f00_0000_0000n, 4));
    expect(slots(written, 0, 2 ** 28)).toEqual(['16382+4: 0x7f0000000000']);
    const emptied = after(written, writeSlots(t, 2 ** 14, null));
    expect(slots(emptied, 0, 2 ** 28)).toEqual(['16382+2: 0x7f0000000000', '16385+1: 0x7f0000003000']);
    expect(send(host, writeSlots(t, 0, null, 2 ** 28)).host.context).toEqual(host.context);
  });

  test('where no memory is left, slots before the first missing level are there', () => {
    const used = after(host, writeSlots(t, 0, 0x7000n), fail('userspace_slot_alloc'));
    const stepped = send(used, readSlots(t, 2 ** 14 - 1, 2, true));
    expect(accessAnswer(stepped)).toMatchObject({ ok: false, done: 1 });
    expect(accessAnswer(send(stepped.host, readSlots(t, 2 ** 14 - 1, 2, true)))).toMatchObject({ ok: true });
  });
});

describe('an index beyond the end is not checked (S-10)', () => {
  const { host, table: t } = window(1, 31);
  const end = 0x80000;

  test('behind a table of one level lies its userspace view', () => {
    const viewed = after(host, writeSlots(t, 0, 0x7f00_0001_0000n));
    const stepped = send(viewed, xchg(t, end - 1, 0x50_0000n, 3, 2));
    expect(accessAnswer(stepped).old).toMatchObject([{ index: end, hpa: 0x7f00_0001_0000n, perm: 0 }]);
    expect(accessAnswer(send(stepped.host, readSlots(t, 0))).slots).toMatchObject([{ ua: 0x50_1003n }]);
    expect(stepped.host.context.accidents.outOfBounds).toBe(true);
    expect(viewed.context.accidents.outOfBounds).toBe(false);
  });

  test('behind the view, and behind a tree, the word is kept apart from every entry', () => {
    const beyond = after(host, xchg(t, 2 * end + 3, PAGE), writeSlots(t, end + 4, 0x7000n));
    expect(table(beyond, t).stray).toEqual([
      { behind: 'userspace', at: 3, word: 0x1003n },
      { behind: 'userspace', at: 4, word: 0x7000n },
    ]);
    expect(old(beyond, clear(t, 2 * end, 8))).toEqual(['1048579+1: 0x1000/3', '1048580+1: 0x7000/0']);
    expect(table(after(beyond, clear(t, 2 * end, 8)), t).stray).toEqual([]);
    const tree = window(2, 40);
    const far = after(tree.host, xchg(tree.table, 2 ** 28, PAGE, 3, 2));
    expect(table(far, tree.table).stray).toMatchObject([
      { behind: 'hardware', at: 0, word: 0x1003n },
      { behind: 'hardware', at: 1, word: 0x2003n },
    ]);
  });
});

describe('references', () => {
  test('a table is freed by the last of creator, slots and users', () => {
    const made = send(started({}, claim(), claim(1)), create(0, 12, 1n << 31n, 1));
    const { table: t } = createdIn(made);
    const shared = after(made.host, set(0, t), set(0, t, 1), get(t));
    expect(table(shared, t).kref).toBe(4);
    expect(table(shared, t).groups).toEqual([1, 0]);
    const dropped = after(shared, put(t), put(t), put(t));
    expect(table(dropped, t).mode).toBe('live');
    const freed = send(dropped, put(t));
    expect(codeOf(freed)).toBe('ok');
    expect(freed.host.context.accidents.useAfterFree).toBe(false);
    // Two windows still name it, so that it can be seen.
    expect(table(freed.host, t).mode).toBe('freed');
    expect(codeOf(send(freed.host, get(t)))).toBe('EINVAL');
    const again = send(freed.host, put(t));
    expect(codeOf(again)).toBe('EINVAL');
    expect(again.host.context.accidents.useAfterFree).toBe(true);
  });
});
