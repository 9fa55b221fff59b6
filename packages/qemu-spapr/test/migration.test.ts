import {
  bytes,
  ioba,
  type MigratedTable,
  type MigrationStream,
  tceCount,
  tceIndex,
  threadId,
} from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { canonicalQemu, type QemuInput, type QemuState } from '../src/index.ts';
import {
  after,
  cellsOf,
  configured,
  create,
  DYNAMIC,
  deviceAdd,
  devicePciDel,
  devicePhbDel,
  dma,
  get,
  L0,
  L1,
  linesOf,
  migrate,
  migrateIncoming,
  monitorAnswer,
  namesOf,
  piecesOf,
  put,
  type Qemu,
  remove,
  reset,
  rtas,
  running,
  send,
  statusOf,
  step,
  stop,
  stuff,
  systemReset,
  table,
  tceIn,
  windowsAt,
} from './machine.ts';

const VSCSI = 0x7100_0001;
const devices = [
  { driver: 'spapr-pci-host-bridge', index: 0 },
  { driver: 'spapr-vscsi', reg: VSCSI, rtceWindowBytes: bytes(0x1000_0000n) },
] as const;

function streamOf(qemu: Qemu): MigrationStream {
  const { stream } = monitorAnswer(send(qemu, migrate));
  if (stream === null) throw new Error('there is no stream');
  return stream;
}
/** A fresh machine of the same make that loaded the stream. */
const loadedInto = (stream: MigrationStream, input: QemuInput = { devices }) =>
  send(running(input), migrateIncoming(stream));
const tablesOf = (state: QemuState) => (canonicalQemu(state) as { tables: unknown }).tables;
/** The stream with one table changed. */
const doctored = (
  stream: MigrationStream,
  liobn: number,
  change: Partial<MigratedTable>,
): MigrationStream => ({
  ...stream,
  tables: stream.tables.map((each) => (each.liobn === liobn ? { ...each, ...change } : each)),
});

const source = running(
  { devices },
  create(16, 36),
  put(L0, 0x1000n, 0xfedc_ba98_7654_3fffn),
  stuff(L0, 0x3fff_e000n, 0x5003n, 2n),
  stuff(L1, DYNAMIC, 0x10_0003n, 0x1000n),
  put(L1, DYNAMIC + (1n << 36n) - 1n, 0x7001n),
  put(VSCSI, 0x1000n, 0x9003n),
  rtas('ibm,set-tce-bypass', [VSCSI, 1], 1),
);

describe('a stream', () => {
  test('loaded into a fresh machine gives the same tables', () => {
    const loaded = loadedInto(streamOf(source));
    expect(monitorAnswer(loaded)).toMatchObject({ ok: true, error: '' });
    expect(tablesOf(loaded.qemu.context)).toEqual(tablesOf(source.context));
    expect(tceIn(loaded.qemu, L1, DYNAMIC + (1n << 36n) - 1n)).toBe(0x7001n);
  });

  test('of a machine without windows takes the default window of the other away', () => {
    const bare = running({ devices }, remove(L0));
    const loaded = loadedInto(streamOf(bare));
    expect(windowsAt(loaded.qemu)).toEqual([]);
    expect(tablesOf(loaded.qemu.context)).toEqual(tablesOf(bare.context));
  });

  test('replaces what the other machine had in its windows', () => {
    const busy = running({ devices }, create(12, 20), put(L1, DYNAMIC, 5n), put(L0, 0x2000n, 7n));
    const loaded = send(busy, migrateIncoming(streamOf(source)));
    expect(tablesOf(loaded.qemu.context)).toEqual(tablesOf(source.context));
    expect(tceIn(loaded.qemu, L0, 0x2000n)).toBe(0n);
  });

  test('has its entries as runs of equal values, zeros left out', () => {
    const { tables } = streamOf(source);
    expect(tables.find(({ liobn }) => liobn === L1)?.runs).toEqual([
      [0, 0x1000, 0x10_0003n],
      [0xf_ffff, 1, 0x7001n],
    ]);
  });

  test('is taken from a machine that stands still, running before or not', () => {
    expect(send(source, migrate).qemu.value).toBe('paused');
    expect(streamOf(after(source, stop))).toEqual(streamOf(source));
    expect(send(source, migrate).qemu.context).toBe(source.context);
  });
});

describe('the place and the page size of a window (B-74)', () => {
  const atZero = {
    devices: [{ driver: 'spapr-pci-host-bridge', index: 0, dma64WinAddr: ioba(0n) }],
  } as const;
  const moved = (...calls: Parameters<typeof after>[1][]) =>
    loadedInto(streamOf(running(atZero, ...calls)), atZero).qemu;

  test('are not in the stream where the window has 4K pages at 0: an empty slot has pages of one byte', () => {
    const here = moved(create(12, 20), put(L1, 0x1000n, 0x5003n), put(L1, 0n, 0x6003n));
    expect(windowsAt(here)).toEqual(['0 0x0 262144 x 2^12', '1 0x0 256 x 2^0']);
    expect(statusOf(send(here, get(L1, 0x1000n)))).toBe('H_PARAMETER');
    expect(tceIn(here, L1, 1n)).toBe(0x5003n);
    expect(tceIn(here, L1, 0n)).toBe(0x6003n);
  });

  test('are in the stream where the pages are larger', () => {
    const here = moved(create(16, 20), put(L1, 0x1_0000n, 0x5003n));
    expect(tceIn(here, L1, 0x1_0000n)).toBe(0x5003n);
  });

  test('are kept by the default window, which has the same', () => {
    const here = moved(put(L0, 0x1000n, 0x5003n));
    expect(tceIn(here, L0, 0x1000n)).toBe(0x5003n);
  });
});

describe('the lines of a migration', () => {
  test('leaving: every table, the slots without a window too', () => {
    expect(linesOf(send(running({ devices }), migrate))).toEqual([
      'iommu_pre_save liobn=0x80000000 nb=262144 busOffset=0x0 ps=12',
      'iommu_pre_save liobn=0x80000001 nb=0 busOffset=0x0 ps=0',
      'iommu_pre_save liobn=0x71000001 nb=65536 busOffset=0x0 ps=12',
    ]);
  });

  test('arriving: a window of another size is made first; entries before and after', () => {
    expect(linesOf(loadedInto(streamOf(source)))).toEqual([
      'iommu_post_load liobn=0x80000000 preNb=262144 postNb=262144 busOffset=0x0 ps=12',
      'iommu_new_table liobn=0x80000001 table=allocated fd=-1',
      'iommu_post_load liobn=0x80000001 preNb=0 postNb=1048576 busOffset=0x800000000000000 ps=16',
      'iommu_post_load liobn=0x71000001 preNb=65536 postNb=65536 busOffset=0x0 ps=12',
    ]);
  });
});

describe('a stream that does not fit', () => {
  test('because it names a table that is not there is refused, and changes nothing', () => {
    const fresh = running();
    const refused = send(fresh, migrateIncoming(streamOf(source)));
    expect(monitorAnswer(refused)).toMatchObject({ ok: false, error: 'there is no TCE table 0x71000001' });
    expect(refused.sent).toHaveLength(1);
    expect(refused.qemu.context).toBe(fresh.context);
  });

  test('because it is newer than the QEMU that loads it is refused, and changes nothing', () => {
    const old = running({ devices, config: configured({}, { streamVersion: 2 }) });
    const refused = send(old, migrateIncoming(streamOf(source)));
    expect(monitorAnswer(refused)).toMatchObject({ ok: false, error: expect.stringContaining('too new') });
    expect(refused.qemu.context).toBe(old.context);
  });

  test('because a slot is stuck there aborts QEMU', () => {
    const stuck = running({ devices }, create(16, 48));
    const gone = send(stuck, migrateIncoming(streamOf(source)));
    expect(gone.qemu.value).toBe('aborted');
    expect(namesOf(gone).slice(-2)).toEqual(['spapr_iommu_new_table', 'qemu-aborted']);
    expect(send(after(stuck, stop), migrateIncoming(streamOf(source))).qemu.value).toBe('aborted');
  });
});

test('a stuck slot travels with its numbers, and arrives as one without a window', () => {
  const stuck = running({ devices }, create(16, 48));
  expect(linesOf(send(stuck, migrate))[1]).toBe(
    'iommu_pre_save liobn=0x80000001 nb=0 busOffset=0x800000000000000 ps=16',
  );
  const loaded = loadedInto(streamOf(stuck)).qemu;
  expect(table(loaded, L1).mode).toBe('disabled');
  expect(cellsOf(send(loaded, create(16, 30)))[0]).toBe('SUCCESS');
});

describe('which window was the default one', () => {
  const swapped = running({ devices }, remove(L0), create(16, 30), remove(L0));
  test('travels in a stream of version 3', () => {
    expect(table(swapped, L0).defWin).toBe(true);
    const loaded = loadedInto(doctored(streamOf(swapped), L0, { defWin: false })).qemu;
    expect(table(loaded, L0).defWin).toBe(false);
  });

  test('does not in one of version 2: the flag stays as it was there', () => {
    const two: MigrationStream = { ...doctored(streamOf(source), L0, { defWin: false }), version: 2 };
    expect(table(loadedInto(two).qemu, L0).defWin).toBe(true);
    const config = configured({}, { streamVersion: 2 });
    expect(streamOf(running({ devices, config })).version).toBe(2);
    expect(monitorAnswer(loadedInto(two, { devices, config })).ok).toBe(true);
  });
});

describe('B-29, a window of the same size at another place', () => {
  const from = running({}, create(16, 30), put(L1, DYNAMIC + 0x1_0000n, 0x10_0003n));
  const elsewhere = running({}, remove(L0), create(12, 26));
  const stream = doctored(streamOf(from), L0, {
    nbTable: tceCount(16384),
    busOffset: DYNAMIC,
    pageShift: 16,
    runs: [[tceIndex(1), 1, 0x10_0003n]],
  });

  test('unfixed: hypercalls find it at the new place, devices at the old one', () => {
    const loaded = send(elsewhere, migrateIncoming(stream));
    expect(windowsAt(elsewhere)).toEqual(['0 0x0 16384 x 2^12']);
    expect(windowsAt(loaded.qemu)[0]).toBe('0 0x800000000000000 16384 x 2^16');
    expect(namesOf(loaded).filter((name) => name === 'spapr_iommu_new_table')).toHaveLength(1);
    expect(tceIn(loaded.qemu, L0, DYNAMIC + 0x1_0000n)).toBe(0x10_0003n);
    expect(statusOf(send(loaded.qemu, get(L0, 0x1_0000n)))).toBe('H_PARAMETER');
    const at = (ioba: bigint) => piecesOf(send(after(loaded.qemu, remove(L1)), dma('read', ioba, 4)))[0]?.gpa;
    expect(at(0x1_0000n)).toBe(0x10_0000n);
    expect(at(DYNAMIC + 0x1_0000n)).toBeNull();
  });

  test('with smaller pages its entries end before the place does where devices find it', () => {
    const large = running({}, remove(L0), create(16, 30));
    const smaller = doctored(streamOf(large), L0, {
      busOffset: DYNAMIC,
      pageShift: 12,
      runs: [[tceIndex(16383), 1, 0x5003n]],
    });
    const { qemu } = send(large, migrateIncoming(smaller));
    const lookups = (ioba: bigint) => linesOf(send(qemu, dma('read', ioba, 4)));
    expect([0x3ff_f000n, 0x400_0000n].flatMap(lookups)).toEqual([
      'iommu_xlate liobn=0x80000000 address=0x3fff000 translated=0x5000 perm=3 mask=4095',
      'iommu_xlate liobn=0x80000000 address=0x4000000 translated=0x0 perm=0 mask=4294967295',
    ]);
  });

  test('fixed: it is made anew at the new place', () => {
    const fixed = after(
      running({ config: configured({ postLoadGeomCheck: 'fixed' }) }),
      remove(L0),
      create(12, 26),
    );
    const loaded = send(fixed, migrateIncoming(stream));
    expect(namesOf(loaded).filter((name) => name === 'spapr_iommu_new_table')).toHaveLength(2);
    const at = (ioba: bigint) => piecesOf(send(after(loaded.qemu, remove(L1)), dma('read', ioba, 4)))[0]?.gpa;
    expect(at(0x1_0000n)).toBeNull();
    expect(at(DYNAMIC + 0x1_0000n)).toBe(0x10_0000n);
  });

  test('fixed: one at the same place is left where it is', () => {
    const config = configured({ postLoadGeomCheck: 'fixed' });
    const loaded = send(running({ config }, put(L0, 0n, 5n)), migrateIncoming(streamOf(running())));
    expect(namesOf(loaded)).toEqual(['spapr_iommu_post_load', 'spapr_iommu_post_load', 'monitor-return']);
    expect(tceIn(loaded.qemu, L0, 0n)).toBe(0n);
  });
});

test('the loaded machine goes on as the other would have', () => {
  const loaded = loadedInto(streamOf(source)).qemu;
  for (const message of [create(16, 30), remove(L1), remove(L0), reset(), get(L0, 0x1000n)]) {
    const [here, there] = [send(loaded, message), send(source, message)];
    expect(namesOf(here)).toEqual(namesOf(there));
    if (message.type.startsWith('ibm')) expect(cellsOf(here)).toEqual(cellsOf(there));
  }
});

describe('PHBs are told apart by the order of their making', () => {
  const phb = (index: number) => ({ driver: 'spapr-pci-host-bridge', index }) as const;
  const add = (index: number) => deviceAdd(phb(index));
  const rcu = step(threadId('rcu'));
  const gone = (index: number) => [devicePhbDel(index), rcu];
  const sectionsOf = (qemu: Qemu) => streamOf(qemu).phbs.map(({ section, index }) => `${section}: ${index}`);
  const three = running({ devices: [phb(0), phb(5), phb(3)] });
  const answerIn = (stream: MigrationStream, ...indexes: readonly number[]) =>
    monitorAnswer(loadedInto(stream, { devices: indexes.map(phb) })).error;

  test('which is the order of their tables in the stream, and the last one is reset first', () => {
    expect(sectionsOf(three)).toEqual(['0: 0', '1: 5', '2: 3']);
    expect(streamOf(three).tables.map(({ liobn }) => liobn & 0xffff)).toEqual([
      0, 1, 0x500, 0x501, 0x300, 0x301,
    ]);
    const made = linesOf(send(three, systemReset)).filter((line) => line.startsWith('iommu_new_table'));
    expect(made.map((line) => line.slice(16, 32))).toEqual([
      'liobn=0x80000300',
      'liobn=0x80000500',
      'liobn=0x80000000',
    ]);
  });

  test('so the other machine makes them in that order, or refuses the stream and changes nothing', () => {
    expect(answerIn(streamOf(three), 0, 5, 3)).toBe('');
    expect(answerIn(streamOf(three), 0, 5, 3, 7)).toBe('');
    expect(answerIn(streamOf(three), 0, 3, 5)).toBe('section 1 is not of PHB 5 here');
    const fresh = running({ devices: [phb(0), phb(3), phb(5)] });
    const refused = send(fresh, migrateIncoming(streamOf(three)));
    expect(refused.qemu.context).toBe(fresh.context);
    expect(refused.sent).toHaveLength(1);
  });

  test('and refuses it after another one than the last was unplugged: its section stays free', () => {
    const plugged = running({ devices: [phb(0)] }, add(5), add(3));
    expect(sectionsOf(after(plugged, ...gone(3)))).toEqual(['0: 0', '1: 5']);
    expect(sectionsOf(after(plugged, ...gone(3), add(7)))).toEqual(['0: 0', '1: 5', '2: 7']);
    const hole = after(plugged, ...gone(5));
    expect(sectionsOf(hole)).toEqual(['0: 0', '2: 3']);
    expect(answerIn(streamOf(hole), 0, 3)).toBe('section 2 is not of PHB 3 here');
    expect(sectionsOf(after(hole, add(5)))).toEqual(['0: 0', '2: 3', '3: 5']);
  });

  test('a PHB that has left and is not freed leaves its tables in the stream, which nobody takes', () => {
    const dying = running({ devices: [phb(0)] }, add(5), devicePhbDel(5));
    expect(sectionsOf(dying)).toEqual(['0: 0']);
    expect(answerIn(streamOf(dying), 0)).toBe('there is no TCE table 0x80000500');
    expect(answerIn(streamOf(after(dying, rcu)), 0)).toBe('');
  });
});

describe('connectors', () => {
  const PHB = 0x2000_0001;
  const SLOT = 0x4000_0008;
  const plugged = [
    { driver: 'spapr-pci-host-bridge', index: 0 },
    { driver: 'spapr-pci-host-bridge', index: 1 },
    { driver: 'pci', id: 'a', phb: 0, devfn: 8 },
  ] as const;
  const isolate = (index: number) => rtas('set-indicator', [9001, index, 0], 1);

  test('that are ready need no words', () => {
    expect(streamOf(running({ devices: plugged })).drcs).toEqual([]);
    const old = { ...configured({}), machine: 'pseries-3.1' } as const;
    expect(streamOf(running({ devices: plugged, config: old }, isolate(SLOT))).drcs).toHaveLength(1);
  });

  test('go on where they were', () => {
    const asked = running({ devices: plugged }, isolate(PHB), devicePciDel('a'));
    expect(streamOf(asked).drcs).toEqual([
      { index: SLOT, mode: 'configured', unplugRequested: true },
      { index: PHB, mode: 'available', unplugRequested: false },
    ]);
    const loaded = loadedInto(streamOf(asked), { devices: plugged }).qemu;
    expect(canonicalQemu(loaded.context)).toEqual(canonicalQemu(asked.context));
    expect(after(loaded, isolate(SLOT)).context.devices).toEqual([]);
  });

  test('of devices that came to a running machine too', () => {
    const added = running({ devices: plugged.slice(0, 1) }, ...plugged.slice(1).map(deviceAdd));
    const loaded = loadedInto(streamOf(added), { devices: plugged }).qemu;
    expect(canonicalQemu(loaded.context)).toEqual(canonicalQemu(added.context));
  });
});
