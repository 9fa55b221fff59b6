import { describe, expect, test } from 'vitest';
import { accepted, followed, found, refusedAt } from './support/follow.ts';
import {
  boot,
  by,
  create,
  DYNAMIC,
  drc,
  drcState,
  dynamic,
  freeCrq,
  get,
  H_PARAMETER,
  indirect,
  L0,
  L1,
  newTable,
  postLoad,
  preSave,
  put,
  query,
  remove,
  reset,
  stuff,
  VIO,
  xlate,
} from './support/lines.ts';

const L0_END = 0x4000_0000;

describe('entries of a list that the line does not show are narrowed by what is seen of them', () => {
  const written = [...boot, indirect(L0, 0, 3, 0x9003)];

  test('the last one is known from the line', async () => {
    await accepted([...written, xlate(L0, 0x3000, 0x9000, 3), get(L0, 0x3000, 0x9003)]);
    expect(await refusedAt([...written, get(L0, 0x3000, 0x8003)])).toBe(3);
  });

  test('a lookup shows page and permissions, H_GET_TCE all of it, and what is shown holds', async () => {
    const { windows } = await accepted([
      ...written,
      xlate(L0, 0, 0x77_7000, 1),
      xlate(L0, 0x10, 0x77_7000, 1),
      get(L0, 0, 0x77_7041),
      get(L0, 0, 0x77_7041),
    ]);
    expect(windows).toMatchObject([{ mapped: 4, unknown: 2 }]);
  });

  test.each([
    ['a lookup', xlate(L0, 0, 0x77_7000, 1), xlate(L0, 0, 0x77_8000, 1)],
    ['its permissions', xlate(L0, 0, 0x77_7000, 1), xlate(L0, 0, 0x77_7000, 3)],
    ['H_GET_TCE', get(L0, 0, 0x77_7001), get(L0, 0, 0x77_7041)],
    ['H_GET_TCE after a lookup', xlate(L0, 0, 0x77_7000, 1), get(L0, 0, 0x77_8001)],
    ['a lookup after H_GET_TCE', get(L0, 0, 0x77_7001), xlate(L0, 0, 0x77_8000, 1)],
  ])('%s that says otherwise is refused', async (_, shown, other) => {
    expect(await refusedAt(by(1, ...written, shown, other, get(L0, 0x8000, 0)))).toBe(4);
  });

  test('what is written over is known again', async () => {
    const over = [...written, stuff(L0, 0x2000, 0, 2), get(L0, 0, 0)];
    expect((await accepted(over)).windows).toMatchObject([{ mapped: 2, unknown: 1 }]);
    expect(await refusedAt([...over.slice(0, -1), get(L0, 0, 0x77_7003)])).toBe(4);
  });
});

describe('a STUFF that fails at the end of the window does not tell where it began', () => {
  const failed = [
    ...boot,
    put(L0, L0_END - 0x1000, 0x5003),
    put(L0, L0_END - 0x2000, 0x6003),
    put(L0, L0_END - 0x4000, 0x7003),
    stuff(L0, L0_END, 0, 3, H_PARAMETER),
  ];

  test.each([
    ['what it was', get(L0, L0_END - 0x1000, 0x5003)],
    ['the value', get(L0, L0_END - 0x1000, 0)],
  ])('an entry that it may have reached is %s', async (_, shown) => {
    expect((await accepted([...failed, shown, shown])).windows[0]?.unknown).toBe(1);
  });

  test('an entry is one of the two and nothing else', async () => {
    expect(await refusedAt([...failed, get(L0, L0_END - 0x1000, 0x6003)])).toBe(6);
  });

  test('what has been shown once holds', async () => {
    const shown = [...failed, get(L0, L0_END - 0x1000, 0)];
    expect(await refusedAt([...shown, get(L0, L0_END - 0x1000, 0x5003)])).toBe(7);
  });

  test('an entry that it cannot have reached is what it was', async () => {
    await accepted([...failed, get(L0, L0_END - 0x4000, 0x7003)]);
    expect(await refusedAt([...failed, get(L0, L0_END - 0x4000, 0)])).toBe(6);
  });
});

describe('KVM may change every entry of a table that it holds', () => {
  const held = [newTable(L0, { fd: 21 }), put(L0, 0x1000, 0x4003)];

  test('lookups and H_GET_TCE may show anything, from one line to the next', async () => {
    await accepted([
      ...held,
      get(L0, 0x1000, 0x9003),
      xlate(L0, 0x1000, 0x7000, 1),
      xlate(L0, 0x1000, 0x4000, 3),
      xlate(L0, 0x2000, 0x4000, 3),
      get(L0, 0x1000, 0),
    ]);
    expect(await refusedAt([newTable(L0), held[1]!, get(L0, 0x1000, 0x9003)])).toBe(3);
  });

  test('its geometry holds all the same', async () => {
    expect(await refusedAt([...held, get(L0, 0x1000, 0, H_PARAMETER)])).toBe(3);
  });
});

describe('a lookup takes no lock', () => {
  const [vcpu, io, other] = [1, 2, 3];
  const begin = [
    ...by(vcpu, ...boot, put(L0, 0, 0x1003), put(L0, 0x1000, 0x4003)),
    ...by(io, xlate(L0, 0x1000, 0x4000, 3)),
  ];
  const unmap = by(vcpu, put(L0, 0x1000, 0));
  const late = by(io, xlate(L0, 0x1000, 0x4000, 3));
  const settled = [...by(vcpu, get(L0, 0x1000, 0)), ...by(io, xlate(L0, 0x1000, 0, 0))];

  test('its line may stand behind that of a write by another thread, and is counted', async () => {
    expect(await accepted([...begin, ...unmap, ...late, ...settled])).toMatchObject({ reordered: 1 });
  });

  test('it may stand before the write that it saw, and is counted', async () => {
    const early = by(io, xlate(L0, 0x1000, 0, 0));
    expect(await accepted([...begin, ...early, ...unmap, ...settled])).toMatchObject({ reordered: 1 });
  });

  test.each([
    ['behind a write', [...unmap, ...by(vcpu, xlate(L0, 0x1000, 0x4000, 3))], 6],
    ['before a write', [...by(vcpu, xlate(L0, 0x1000, 0, 0)), ...unmap], 5],
  ])('one thread does one thing after the other: %s of its own it is refused', async (_, lines, line) => {
    expect(await refusedAt([...begin, ...lines, ...settled])).toBe(line);
  });

  test('between two lines of its own thread it sees what is new', async () => {
    const lines = [...begin, ...unmap, ...by(io, xlate(L0, 0x1000, 0, 0)), ...late, ...settled];
    expect(await refusedAt(lines)).toBe(7);
  });

  test('a lookup that nothing explains is refused at its own line, though a later line shows it', async () => {
    const odd = by(io, xlate(L0, 0x1000, 0x8000, 3));
    const onward = [
      ...by(vcpu, get(L0, 0x2000, 0)),
      ...by(other, get(L0, 0x2000, 0)),
      ...by(io, xlate(L0, 0x1000, 0x4000, 3)),
    ];
    expect(await refusedAt([...begin, ...odd, ...onward])).toBe(5);
    expect(await refusedAt([...begin, ...odd])).toBe(5);
  });

  test('in a log without threads any line may be another’s', async () => {
    const lines = [...boot, put(L0, 0x1000, 0x4003), put(L0, 0x1000, 0), xlate(L0, 0x1000, 0x4000, 3)];
    expect(await accepted(lines)).toMatchObject({ reordered: 1 });
  });

  test('but not for ever: after 512 lines a write has been seen', async () => {
    const quiet = Array<string>(600).fill(query(0, 1));
    const lines = [...boot, put(L0, 0x1000, 0x4003), put(L0, 0x1000, 0), ...quiet];
    expect(await refusedAt([...lines, xlate(L0, 0x1000, 0x4000, 3), ...quiet])).toBe(604);
  });
});

describe('steps that leave no line', () => {
  const L200 = 0x8000_0200;
  const L201 = 0x8000_0201;
  const plugged = [...boot, newTable(L200), put(L200, 0x1000, 0x4003)];

  test('a PHB is unplugged where connectors are not traced: all its windows go at once', async () => {
    const windows = [newTable(L201), create(L201), put(L201, DYNAMIC, 0x100_0003)];
    const { windows: lives } = await accepted([
      ...plugged,
      ...windows,
      put(L200, 0x1000, 0, H_PARAMETER),
      get(L201, DYNAMIC, 0, H_PARAMETER),
    ]);
    expect(lives.filter(({ removed }) => removed?.by === 'a PHB is unplugged')).toMatchObject([
      { liobn: '0x80000200', removed: { line: 7 }, mapped: 1 },
      { liobn: '0x80000201', removed: { line: 7 }, mapped: 1 },
    ]);
    expect(
      await refusedAt([
        ...plugged,
        ...windows,
        put(L200, 0x1000, 0, H_PARAMETER),
        get(L201, DYNAMIC, 0x100_0003),
      ]),
    ).toBe(8);
  });

  test('PHB 0 belongs to the machine and stays', async () => {
    expect(await refusedAt([...boot, put(L0, 0x1000, 3), put(L0, 0x1000, 0, H_PARAMETER)])).toBe(3);
  });

  test('where connectors are traced, a PHB does not go without its lines', async () => {
    const lines = [...plugged, drc('attach', 0x2000_0002), put(L200, 0x1000, 0, H_PARAMETER)];
    expect(await refusedAt(lines)).toBe(5);
  });

  describe('RCU frees the windows of a PHB some time after its connector’s last line', () => {
    const gone = [
      ...plugged,
      drc('unplug_request', 0x2000_0002),
      drcState('isolation_state', 0x2000_0002, 0),
      drcState('allocation_state', 0x2000_0002, 0),
      drc('set_allocation_state_finalizing', 0x2000_0002),
    ];
    const [alive, dead] = [get(L200, 0x1000, 0x4003), get(L200, 0x1000, 0, H_PARAMETER)];

    test.each([
      ['still answer', [alive, alive]],
      ['do not answer any more', [dead, dead]],
      ['answer, and then do not', [alive, dead]],
    ])('they %s', async (_, lines) => {
      await accepted([...gone, ...lines]);
    });

    test('what is freed does not come back, but by a plug', async () => {
      expect(await refusedAt([...gone, dead, alive])).toBe(9);
      await accepted([...gone, dead, newTable(L200), get(L200, 0x1000, 0)]);
    });

    test('a query of a PHB that has left the list is refused at once', async () => {
      expect(await refusedAt([...gone, query(2, 1)])).toBe(8);
    });
  });

  describe('firmware’s quiesce zeroes the tables of VIO devices', () => {
    const table = [newTable(VIO), ...boot];
    const mapped = put(VIO, 0x1000, 0x4003);

    test('without a line, where VIO devices are not traced', async () => {
      const { windows } = await accepted([...table, mapped, get(VIO, 0x1000, 0)]);
      expect(windows.find(({ liobn }) => liobn === '0x71000002')?.mapped).toBe(0);
    });

    test('what was written after it stays, whenever it shows', async () => {
      const later = put(VIO, 0x2000, 0x5003);
      await accepted([...table, mapped, later, get(VIO, 0x1000, 0), get(VIO, 0x2000, 0x5003)]);
    });

    const traced = [...table, freeCrq(VIO), freeCrq(0x7100_0000), mapped];

    test('it frees all of them; a device that is freed alone keeps its table', async () => {
      await accepted([...traced, freeCrq(VIO), get(VIO, 0x1000, 0x4003)]);
      expect(await refusedAt([...traced, freeCrq(VIO), get(VIO, 0x1000, 0)])).toBe(7);
      await accepted([...traced, freeCrq(VIO), freeCrq(0x7100_0000), get(VIO, 0x1000, 0)]);
    });

    test('not without its lines, where they are traced', async () => {
      expect(await refusedAt([...traced, get(VIO, 0x1000, 0)])).toBe(6);
    });
  });
});

describe('where a default window lies is told by its calls', () => {
  test('it is taken to be QEMU’s own until a call says otherwise', async () => {
    expect((await accepted(boot)).phbs).toMatchObject([{ dmaWinAddr: '0x0', dmaWinSize: '0x40000000' }]);
  });

  test('a kernel that clears it from end to end shows place and size', async () => {
    const cleared = Array.from({ length: 4 }, (_, n) => stuff(L0, 0x2020_0000 + n * 0x20_0000, 0, 512));
    const { phbs, windows } = await accepted([...boot, ...cleared, query(0, 1)]);
    expect(phbs).toMatchObject([{ dmaWinAddr: '0x20000000', dmaWinSize: '0x800000' }]);
    expect(windows).toMatchObject([{ start: '0x20000000', entries: 2048 }]);
  });

  test('a call beyond QEMU’s own that works, and one within it that does not, move it', async () => {
    const { phbs } = await accepted([...boot, put(L0, 0x5000_0000, 3), put(L0, 0x1000, 3, H_PARAMETER)]);
    const [phb] = phbs;
    expect(BigInt(phb!.dmaWinAddr!)).toBeGreaterThan(0x1000n);
    expect(BigInt(phb!.dmaWinAddr!)).toBeLessThanOrEqual(0x5000_0000n);
  });

  test('a window has no holes, and does not move', async () => {
    const lines = [...boot, put(L0, 0x1000, 3), put(L0, 0x3000, 3), put(L0, 0x2000, 3, H_PARAMETER)];
    expect(await refusedAt(lines)).toBe(4);
    expect(await refusedAt([...boot, put(L0, 0x1000, 3, H_PARAMETER), put(L0, 0x1000, 3)])).toBe(3);
  });

  test('what the caller gives is not moved', async () => {
    const given = { index: 0, dmaWinAddr: 0n, dmaWinSize: 0x4000_0000n } as never;
    expect(await refusedAt([...boot, put(L0, 0x5000_0000, 3)], { phbs: [given] })).toBe(2);
  });
});

describe('the default window after the last one is removed', () => {
  const removed = [...boot, ...dynamic, remove(L0), remove(L1)];

  test('QEMU brings it back, with a table and a reset of its own', async () => {
    await accepted([...removed, newTable(L0), reset(0, 0), query(0, 1)]);
  });

  test('an older QEMU does not, and both are followed until a line tells', async () => {
    const { branches } = await accepted([...removed, query(0, 2)]);
    expect(branches).toBe(2);
  });

  test('it is one or the other', async () => {
    expect(await refusedAt([...removed, query(0, 1)])).toBe(7);
    expect(await refusedAt([...removed, newTable(L0), reset(0, 0), query(0, 2)])).toBe(9);
  });
});

describe('migration', () => {
  const source = [...boot, ...dynamic, indirect(L1, DYNAMIC, 127, 0x7f00_0003)];

  test('every table is saved as it is', async () => {
    const { windows } = await accepted([
      ...source,
      preSave(L0, 0x4_0000, 0n, 12),
      preSave(L1, 256, DYNAMIC, 24),
    ]);
    expect(windows.map(({ removed }) => removed)).toEqual([null, null]);
    expect(await refusedAt([...source, preSave(L1, 255, DYNAMIC, 24)])).toBe(6);
    expect(await refusedAt([...source, preSave(L1, 256, DYNAMIC, 16)])).toBe(6);
  });

  const arrived = [
    ...boot,
    postLoad(L0, 0x4_0000, 0, 0n, 0),
    newTable(L1),
    postLoad(L1, 0, 256, DYNAMIC, 24),
  ];

  test('what arrives is unknown until it is seen, and held from there on', async () => {
    const seen = [...arrived, get(L1, DYNAMIC, 0x100_0003), get(L0, 0, 0, H_PARAMETER)];
    const { windows } = await accepted(seen);
    expect(windows.at(-1)).toMatchObject({ liobn: '0x80000001', created: { by: 'migration' }, unknown: 255 });
    expect(await refusedAt([...seen, get(L1, DYNAMIC, 0)])).toBe(7);
  });

  test('a window that was not there before makes its table first', async () => {
    expect(await refusedAt(arrived.toSpliced(2, 1))).toBe(3);
  });
});

describe('a QEMU that aborts ends its log', () => {
  const stuck = [...boot, ...dynamic, remove(L0), newTable(L0, { table: '(nil)' })];

  test('a create of 2^32 entries leaves its slot stuck: its calls are refused', async () => {
    const report = await accepted([...stuck, put(L0, 0x1000, 3, H_PARAMETER), query(0, 1)]);
    expect(report.aborted).toBe(false);
    expect(await refusedAt([...stuck, put(L0, 0x1000, 3)])).toBe(7);
  });

  test('the next table in that slot is the last line', async () => {
    const report = await accepted([...stuck, newTable(L0)]);
    expect(report).toMatchObject({ aborted: true, branches: 1 });
    expect(found(report, 'hotplug-cost')).toHaveLength(1);
    expect((await followed([...stuck, newTable(L0), put(L0, 0x1000, 3)])).accepted).toBe(false);
  });
});
