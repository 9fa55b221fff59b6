import { describe, expect, test } from 'vitest';
import {
  after,
  argsOf,
  BASE59,
  bind,
  call,
  claim,
  clear,
  costsOf,
  D0,
  D1,
  dma,
  E0,
  fail,
  type Host,
  kill,
  MASK64,
  type Options,
  piecesOf,
  put,
  send,
  set,
  started,
  table,
  unset,
  went,
  windowed,
  xchg,
} from './machine.ts';

const GIB = 1n << 30n;

describe('bit 59 selects the window', () => {
  const boot = started();
  test.each`
    case                                | address                    | result
    ${'the bypass window'}              | ${BASE59 + 0x1234n}        | ${['bypass 0x1234']}
    ${'its last byte'}                  | ${BASE59 + 4n * GIB - 16n} | ${['bypass 0xfffffff0']}
    ${'behind it'}                      | ${BASE59 + 4n * GIB}       | ${['frozen: beyond the end of the bypass window']}
    ${'an entry that maps nothing'}     | ${0x1_0000n}               | ${['frozen: no translation']}
    ${'behind the table of window 0'}   | ${1n << 45n}               | ${['frozen: beyond the end of the table']}
    ${'an address that is no window’s'} | ${1n << 60n}               | ${['frozen: beyond the end of the table']}
  `('$case → $result', ({ address, result }) => expect(went(boot, dma(address))).toEqual(result));

  test('the bypass window is memory rounded up to a power of two', () => {
    const odd = started({ config: { ramBytes: (3n * GIB) as never } });
    expect(went(odd, dma(BASE59 + 4n * GIB - 16n))).toEqual(['bypass 0xfffffff0']);
  });

  test('while VFIO owns, only its windows are there', () => {
    const owned = started({}, claim());
    expect(went(owned, dma(BASE59))).toEqual(['frozen: no window there']);
    expect(went(owned, dma(0n))).toEqual(['frozen: no window there']);
    expect(went(owned, dma(BASE59, 16, 'read', E0))).toEqual(['bypass 0x0']);
    const { host, table: t } = windowed(owned, 1, 16, GIB, 1);
    const mapped = after(host, xchg(t, 2, 0x77_0000n));
    expect(went(mapped, dma(BASE59 + 0x2_0010n, 16, 'write', D1))).toEqual(['table 0x770010']);
    expect(went(mapped, dma(0x2_0010n))).toEqual(['frozen: no window there']);
  });

  test('a device that is not there does nothing', () => {
    expect(piecesOf(boot, dma(0n, 16, 'read', '0009:01:00.0'))).toEqual([]);
  });
});

describe('the walk, level by level', () => {
  test.each`
    pages | shift | size  | levels | index
    ${16} | ${16} | ${40} | ${1}   | ${null}
    ${16} | ${16} | ${37} | ${1}   | ${2 ** 21 - 1}
    ${16} | ${16} | ${47} | ${2}   | ${2 ** 31 - 1}
    ${16} | ${12} | ${40} | ${2}   | ${12_345_678}
    ${16} | ${12} | ${47} | ${3}   | ${2 ** 34 + 12_345}
    ${12} | ${12} | ${47} | ${3}   | ${2 ** 35 - 1}
    ${12} | ${12} | ${47} | ${4}   | ${2 ** 35 - 1}
    ${12} | ${16} | ${50} | ${3}   | ${2 ** 33 + 1}
    ${12} | ${12} | ${47} | ${5}   | ${null}
  `('2^$size bytes in 2^$shift pages and $levels levels, $pages-bit host pages', (row) => {
    const host = started({ pages: row.pages }, claim());
    const request = { num: 1, pageShift: row.shift, windowSize: 1n << BigInt(row.size), levels: row.levels };
    // One level of 2^40 is too large a block, five levels take too many bits.
    if (row.index === null) {
      expect(send(host, call('create_table', { group: 0, ...request } as never)).sent.at(-1)).toMatchObject({
        result: { ok: false },
      });
      return;
    }
    const { host: at, table: t } = windowed(host, 1, row.shift, request.windowSize, row.levels);
    const page = 1n << BigInt(row.shift);
    const address = BASE59 + BigInt(row.index) * page;
    expect(went(at, dma(address))).toEqual(['frozen: no translation']);
    const mapped = after(at, xchg(t, row.index, 0x1_2345_0000n));
    expect(went(mapped, dma(address + 0x10n))).toEqual(['table 0x123450010']);
    expect(went(mapped, dma(address - 16n))).toEqual(['frozen: no translation']);
  });
});

describe('rights and pieces', () => {
  const { host, table: t } = windowed(started({}, claim()), 0, 12, GIB, 1);
  const mapped = after(
    host,
    xchg(t, 0, 0x10_0000n, 1),
    xchg(t, 1, 0x20_0000n, 2),
    xchg(t, 2, 0x30_0000n, 3),
    xchg(t, 4, 0x40_0000n, 0),
  );
  test.each`
    index | access     | result
    ${0}  | ${'read'}  | ${'table 0x100000'}
    ${0}  | ${'write'} | ${'frozen: no right to write'}
    ${1}  | ${'read'}  | ${'table 0x200000'}
    ${1}  | ${'write'} | ${'table 0x200000'}
    ${2}  | ${'write'} | ${'table 0x300000'}
    ${3}  | ${'read'}  | ${'frozen: no translation'}
    ${4}  | ${'read'}  | ${'frozen: no translation'}
  `('$access through entry $index → $result', ({ index, access, result }) => {
    expect(went(mapped, dma(BigInt(index) << 12n, 16, access))).toEqual([result]);
  });

  test('an access goes piece by piece, and the first that is refused freezes the PE', () => {
    expect(
      piecesOf(mapped, dma(0xff8n, 0x2010)).map(({ address, bytes, hpa }) => [address, bytes, hpa]),
    ).toEqual([
      [0xff8n, 8, 0x10_0ff8n],
      [0x1000n, 0x1000, 0x20_0000n],
      [0x2000n, 0x1000, 0x30_0000n],
      [0x3000n, 8, null],
    ]);
    const over = send(mapped, dma(0x2ff0n, 0x1020));
    expect(went(mapped, dma(0x2ff0n, 0x1020))).toEqual([
      'table 0x300ff0',
      'frozen: no translation',
      'frozen: the PE is frozen',
    ]);
    expect(went(over.host, dma(0n))).toEqual(['frozen: the PE is frozen']);
    expect(went(over.host, dma(BASE59, 4, 'read', E0))).toEqual(['bypass 0x0']);
  });

  test('QEMU’s PHB4 refuses, and does not freeze', () => {
    const soft = started({ config: { freezesOnFault: false } });
    const once = send(soft, dma(0n));
    expect(once.host.context).toEqual(soft.context);
    expect(went(once.host, dma(BASE59))).toEqual(['bypass 0x0']);
  });

  test('a window smaller than a page of TCEs is as large as one', () => {
    const small = windowed(started({}, claim()), 1, 16, 1n << 16n, 1);
    const written = after(small.host, xchg(small.table, 8191, 0x55_0000n));
    expect(written.context.accidents.outOfBounds).toBe(false);
    expect(went(written, dma(BASE59 + (8191n << 16n)))).toEqual(['table 0x550000']);
  });
});

describe('the TCE cache', () => {
  const { host, table: t } = windowed(started({}, claim(), claim(1)), 0, 12, GIB, 1);
  const shared = after(host, set(0, t, 1), xchg(t, 3, 0x10_0000n), xchg(t, 4, 0x20_0000n));
  const cleared = after(shared, clear(t, 3, 2));

  test('until an entry is killed, a device may go by what stood there', () => {
    for (const device of [D0, E0]) {
      expect(went(cleared, dma(0x3000n, 16, 'read', device))).toEqual(['cache 0x100000']);
      expect(went(cleared, dma(0x3000n, 16, 'read', device, 'miss'))).toEqual(['frozen: no translation']);
    }
    const killed = after(cleared, kill(t, 3));
    expect(went(killed, dma(0x3000n))).toEqual(['frozen: no translation']);
    expect(went(killed, dma(0x4000n, 16, 'read', E0))).toEqual(['cache 0x200000']);
    expect(after(killed, kill(t, 4)).context.pes.every(({ cache }) => cache.length === 0)).toBe(true);
  });

  test('an entry that is written anew is in doubt too', () => {
    const moved = after(shared, xchg(t, 3, 0x90_0000n));
    expect(went(moved, dma(0x3000n))).toEqual(['cache 0x100000']);
    expect(went(moved, dma(0x3000n, 16, 'read', D0, 'miss'))).toEqual(['table 0x900000']);
    expect(went(after(moved, kill(t, 3)), dma(0x3000n))).toEqual(['table 0x900000']);
  });

  test('of an entry that changes twice, it is the older one', () => {
    const twice = after(shared, xchg(t, 3, 0x90_0000n), xchg(t, 3, 0xa0_0000n));
    expect(went(twice, dma(0x3000n))).toEqual(['cache 0x100000']);
  });

  test('a window that is disabled or set forgets all of its PE, and of no other', () => {
    const gone = after(cleared, unset(0));
    expect(went(gone, dma(0x3000n))).toEqual(['frozen: no window there']);
    const again = after(gone, set(0, t));
    expect(went(again, dma(0x3000n))).toEqual(['frozen: no translation']);
    expect(went(again, dma(0x3000n, 16, 'read', E0))).toEqual(['cache 0x100000']);
  });

  test('an entry that let nothing through is not cached', () => {
    expect(after(host, xchg(t, 5, 0x1000n)).context.pes.every(({ cache }) => cache.length === 0)).toBe(true);
  });
});

test('through a window that the firmware did not take away, a device reaches a freed table (B-50)', () => {
  const { host, table: t } = windowed(started({}, claim()), 0, 12, GIB, 1);
  const freed = after(host, xchg(t, 1, 0x10_0000n), fail('opal_pci_map_pe_dma_window'), unset(0), put(t));
  expect(freed.context.accidents.useAfterFree).toBe(false);
  const stepped = send(freed, dma(0x1000n));
  expect(went(freed, dma(0x1000n))).toEqual(['freed table 0x100000']);
  expect(stepped.host.context.accidents.useAfterFree).toBe(true);
});

test('a bypass that stayed on lets a device of VFIO’s go anywhere (B-51)', () => {
  const owned = started({}, fail('opal_pci_map_pe_dma_window_real'), claim());
  expect(went(owned, dma(BASE59 + 0x1234n))).toEqual(['bypass 0x1234']);
});

describe('invalidation, by generation', () => {
  const windowOf = (options: Options): { host: Host; table: number } =>
    windowed(started(options, claim()), 0, 12, 2n * GIB, 1);
  test.each`
    generation | pages | writes    | cost
    ${'PHB3'}  | ${1}  | ${'0x1'}  | ${1}
    ${'PHB3'}  | ${16} | ${'0x10'} | ${16}
    ${'PHB4'}  | ${16} | ${null}   | ${1}
    ${'PHB5'}  | ${16} | ${null}   | ${1}
  `('$generation: $pages pages cost $cost', ({ generation, pages, writes, cost }) => {
    const { host, table: t } = windowOf({ generation });
    const killing = send(host, kill(t, 7, pages));
    expect(costsOf(killing)).toEqual({ kill: cost });
    expect(argsOf(killing, 'tce_kill_register', 'kind', 'start', 'writes')).toEqual(
      writes === null ? [] : [`kind=ONE start=0x7000 writes=${writes}`],
    );
    expect(argsOf(killing, 'opal_pci_tce_kill', 'kind', 'start', 'pages')).toEqual(
      writes === null ? [`kind=PAGES start=0x7000 pages=0x${pages.toString(16)}`] : [],
    );
  });

  test.each`
    killZeroPages | index | cost
    ${'unfixed'}  | ${0}  | ${7 * 2 ** 49}
    ${'fixed'}    | ${0}  | ${undefined}
    ${'unfixed'}  | ${5}  | ${undefined}
  `('PHB3, $killZeroPages: no page at $index costs $cost', ({ killZeroPages, index, cost }) => {
    const { host, table: t } = windowOf({ generation: 'PHB3', switches: { killZeroPages } });
    expect(costsOf(send(host, kill(t, index, 0))).kill).toBe(cost);
  });

  test('no page at the start of the second window ends at once', () => {
    const { host, table: t } = windowed(started({ generation: 'PHB3' }, claim()), 1, 16, GIB, 1);
    expect(costsOf(send(host, kill(t, 0, 0)))).toEqual({});
  });

  test('of a whole PE it is one store, or one call', () => {
    const old = windowOf({ generation: 'PHB3' });
    expect(argsOf(send(old.host, unset(0)), 'tce_kill_register', 'kind', 'writes')).toEqual([
      'kind=PE writes=0x1',
    ]);
    expect(argsOf(send(windowOf({}).host, unset(0)), 'opal_pci_tce_kill', 'kind')).toEqual(['kind=PE']);
  });
});

describe('devices that come and go', () => {
  const remove = (device: string) => call('remove-device', { device });
  const rescan = call('rescan', { phb: 1 });
  const answer = (host: Host, message: ReturnType<typeof remove>) => send(host, message).sent.at(-1);

  test('a PE goes with its last function, and comes with its first', () => {
    const one = started({}, remove(D0));
    expect(one.context.groups[0]!.devices).toEqual([D1]);
    expect(one.context.pes).toHaveLength(2);
    const none = after(one, remove(D1));
    expect([none.context.pes.length, none.context.groups.map(({ group }) => group)]).toEqual([1, [1]]);
    expect(after(none, rescan).context).toEqual(started().context);
    // The one that stayed is the first of its group.
    expect(after(one, rescan).context.groups[0]!.devices).toEqual([D1, D0]);
  });

  test.each`
    case                          | before                                                            | device            | errno
    ${'VFIO has its group'}       | ${[claim()]}                                                      | ${D0}             | ${'EBUSY'}
    ${'it is not there'}          | ${[remove(D0)]}                                                   | ${D0}             | ${'ENODEV'}
    ${'the firmware fails'}       | ${[fail('opal_pci_map_pe_dma_window')]}                           | ${E0}             | ${'EIO'}
    ${'it has virtual functions'} | ${[bind(MASK64), call('sriov_numvfs', { device: D0, count: 1 })]} | ${D0}             | ${'EBUSY'}
    ${'it is one'}                | ${[bind(MASK64), call('sriov_numvfs', { device: D0, count: 1 })]} | ${'0001:01:10.0'} | ${'EINVAL'}
  `('removing where $case → $errno', ({ before, device, errno }) => {
    const host = started({ switches: { unsetFailure: 'fixed' } }, ...before);
    expect(answer(host, remove(device))).toMatchObject({ result: { ok: false, errno } });
  });

  test('a rescan of no PHB → ENODEV, and one of a bus that VFIO has finds nothing', () => {
    expect(answer(started(), call('rescan', { phb: 9 }))).toMatchObject({ result: { errno: 'ENODEV' } });
    const owned = started({}, remove(D0), claim());
    expect(after(owned, rescan).context).toEqual(owned.context);
  });

  test('a PE made anew is thawed', () => {
    const frozen = started({}, dma(0n, 4, 'read', E0));
    expect(frozen.context.pes[1]!.dma).toBe('frozen');
    expect(after(frozen, remove(E0), call('rescan', { phb: 2 })).context).toEqual(started().context);
  });
});

test('a table keeps what it holds when a window is unset', () => {
  const { host, table: t } = windowed(started({}, claim()), 0, 12, GIB, 1);
  const kept = after(host, xchg(t, 1, 0x1000n), unset(0));
  expect(table(kept, t).hardware).not.toEqual(table(host, t).hardware);
  expect(went(after(kept, set(0, t)), dma(0x1000n))).toEqual(['table 0x1000']);
});
