import { describe, expect, test } from 'vitest';
import { type FollowReport, followLog, openInput } from '../src/index.ts';
import { found, linesOf, pathOf, recordings } from './support/follow.ts';

const reports = new Map<string, Promise<FollowReport>>();
/** Follows a recording, once for all tests. */
function reportOf(name: string): Promise<FollowReport> {
  const report = reports.get(name) ?? followLog(openInput(pathOf(name)));
  reports.set(name, report);
  return report;
}

describe.each(recordings)('%s', (name) => {
  test('is accepted to its last line', async () => {
    const report = await reportOf(name);
    expect(report.error ?? report.divergence).toBeNull();
    expect(report).toMatchObject({ accepted: true, lines: linesOf(name).length, reordered: 0 });
  });

  test('has as many lines of each event as grep finds', async () => {
    const counts: Record<string, number> = {};
    for (const line of linesOf(name)) {
      const event = /^(?:\d+@\d+\.\d+:)?(\w+) /.exec(line)?.[1] ?? '';
      counts[event] = (counts[event] ?? 0) + 1;
    }
    const { events, ignored } = await reportOf(name);
    expect({ ...events, ...ignored }).toEqual(counts);
    expect(ignored).toEqual({});
  });
});

const RESET = 'machine reset';
const CREATE = 'ibm,create-pe-dma-window';
const REMOVE = 'ibm,remove-pe-dma-window';
const GUEST_RESET = 'ibm,reset-pe-dma-window';

/**
 * LIOBN, start, page shift, entries, line and cause of its making, line and cause of its end, the most entries
 * mapped at a time, and those mapped at the window's end or the log's.
 */
type Life = readonly [
  string,
  string,
  number,
  number,
  number,
  string,
  number | null,
  string | null,
  number,
  number,
];
const kept = (
  made: readonly [string, string, number, number, number, string],
  peak: number,
  mapped: number,
) => [...made, null, null, peak, mapped] as const satisfies Life;
const DYNAMIC = '0x800000000000000';

const LIVES: Readonly<Record<string, readonly Life[]>> = {
  '01-ddw-nvme-4k': [
    kept(['0x80000000', '0x0', 12, 262_144, 912, RESET], 0, 0),
    kept(['0x80000001', DYNAMIC, 24, 256, 2035, CREATE], 128, 128),
  ],
  '02-disable_ddw-nvme-e1000e': [kept(['0x80000000', '0x0', 12, 262_144, 914, RESET], 559, 48)],
  '05-system_reset': [
    ['0x80000000', '0x0', 12, 262_144, 912, RESET, 3764, RESET, 0, 0],
    ['0x80000001', DYNAMIC, 24, 256, 2035, CREATE, 3764, RESET, 128, 128],
    ['0x80000000', '0x0', 12, 262_144, 3764, RESET, 5930, RESET, 0, 0],
    ['0x80000001', DYNAMIC, 24, 256, 4887, CREATE, 5930, RESET, 128, 128],
    kept(['0x80000000', '0x0', 12, 262_144, 5930, RESET], 0, 0),
    kept(['0x80000001', DYNAMIC, 24, 256, 7053, CREATE], 128, 128),
  ],
  '08-vio-vscsi-vlan': [
    kept(['0x71000002', '0x0', 12, 65_536, 910, 'device'], 26, 10),
    kept(['0x71000003', '0x0', 12, 65_536, 911, 'device'], 5417, 0),
    kept(['0x80000000', '0x0', 12, 262_144, 912, RESET], 0, 0),
  ],
  '10a-migrate-src': [
    kept(['0x80000000', '0x0', 12, 262_144, 909, RESET], 0, 0),
    kept(['0x80000001', DYNAMIC, 24, 256, 2032, CREATE], 128, 128),
  ],
  '11-phb-hotplug': [
    kept(['0x80000000', '0x0', 12, 262_144, 912, RESET], 0, 0),
    kept(['0x80000001', DYNAMIC, 24, 256, 2035, CREATE], 128, 128),
    // The log does not tell when RCU frees it.
    kept(['0x80000200', '0x0', 12, 262_144, 3377, 'PHB plug'], 0, 0),
    ['0x80000201', DYNAMIC, 24, 256, 3911, CREATE, 4935, REMOVE, 128, 0],
  ],
  '12-kexec': [
    kept(['0x80000000', '0x0', 12, 262_144, 914, RESET], 0, 0),
    kept(['0x80000001', DYNAMIC, 24, 256, 2038, CREATE], 128, 9),
  ],
  '21-phb-props': [
    kept(['0x80000100', '0x20000000', 12, 65_536, 1684, RESET], 0, 0),
    kept(['0x80000000', '0x0', 12, 262_144, 1685, RESET], 0, 0),
    kept(['0x80000101', '0x400000000000000', 16, 65_536, 3450, CREATE], 32_768, 32_768),
    kept(['0x80000001', DYNAMIC, 24, 256, 3517, CREATE], 128, 128),
  ],
  '30-bare-hcalls': [
    ['0x80000000', '0x0', 12, 262_144, 869, RESET, 1253, REMOVE, 526, 525],
    ['0x80000001', DYNAMIC, 12, 1, 1232, CREATE, 1234, REMOVE, 0, 0],
    ['0x80000001', DYNAMIC, 24, 128, 1236, CREATE, 1264, REMOVE, 128, 0],
    ['0x80000000', DYNAMIC, 16, 16_384, 1258, CREATE, 1268, GUEST_RESET, 0, 0],
    ['0x80000000', '0x0', 12, 262_144, 1268, GUEST_RESET, 1274, GUEST_RESET, 1, 1],
    ['0x80000000', '0x0', 12, 262_144, 1274, GUEST_RESET, 1276, REMOVE, 0, 0],
    ['0x80000000', '0x0', 12, 262_144, 1278, CREATE, 1283, GUEST_RESET, 0, 0],
    ['0x80000001', DYNAMIC, 16, 32_768, 1280, CREATE, 1283, GUEST_RESET, 0, 0],
    ['0x80000000', '0x0', 12, 262_144, 1283, GUEST_RESET, 1285, REMOVE, 0, 0],
    ['0x80000000', '0x0', 21, 2048, 1288, CREATE, 1291, GUEST_RESET, 0, 0],
    ['0x80000000', '0x0', 12, 262_144, 1291, GUEST_RESET, 7259, GUEST_RESET, 942, 710],
    ['0x80000001', DYNAMIC, 16, 16_384, 1293, CREATE, 7259, GUEST_RESET, 1657, 1272],
    ['0x80000000', '0x0', 12, 262_144, 7259, GUEST_RESET, 10_248, GUEST_RESET, 1150, 716],
    ['0x80000001', DYNAMIC, 21, 8192, 7261, CREATE, 10_248, GUEST_RESET, 610, 369],
    ['0x80000000', '0x0', 12, 262_144, 10_248, GUEST_RESET, 10_252, GUEST_RESET, 1, 1],
    ['0x80000000', '0x0', 12, 262_144, 10_252, GUEST_RESET, 10_257, GUEST_RESET, 0, 0],
    ['0x80000001', DYNAMIC, 24, 65_536, 10_255, CREATE, 10_257, GUEST_RESET, 0, 0],
    ['0x80000000', '0x0', 12, 262_144, 10_257, GUEST_RESET, 10_261, GUEST_RESET, 0, 0],
    ['0x80000001', DYNAMIC, 24, 16_777_216, 10_259, CREATE, 10_261, GUEST_RESET, 0, 0],
    ['0x80000000', '0x0', 12, 262_144, 10_261, GUEST_RESET, 10_265, GUEST_RESET, 0, 0],
    ['0x80000001', DYNAMIC, 16, 16_777_216, 10_263, CREATE, 10_265, GUEST_RESET, 0, 0],
    kept(['0x80000000', '0x0', 12, 262_144, 10_265, GUEST_RESET], 0, 0),
  ],
  '40-poisoned-slot-abort': [
    ['0x80000000', '0x0', 12, 262_144, 869, RESET, 1161, REMOVE, 0, 0],
    ['0x80000001', DYNAMIC, 24, 64, 1160, CREATE, 1164, REMOVE, 1, 1],
  ],
  '41-migrate-dst': [
    ['0x80000000', '0x0', 12, 262_144, 869, RESET, 1160, 'migration', 0, 0],
    ['0x80000000', '0x0', 16, 16_384, 1160, 'migration', 1166, REMOVE, 0, 0],
    ['0x80000001', DYNAMIC, 12, 4096, 1162, 'migration', 1165, REMOVE, 0, 0],
    kept(['0x80000000', '0x0', 12, 262_144, 1169, RESET], 0, 0),
  ],
  '42-three-phb-64k': [
    kept(['0x80001c00', '0x0', 12, 262_144, 1, RESET], 0, 0),
    kept(['0x80000100', '0x0', 12, 262_144, 2, RESET], 0, 0),
    kept(['0x80000000', '0x0', 12, 262_144, 3, RESET], 0, 0),
    kept(['0x80000101', DYNAMIC, 16, 65_536, 1545, CREATE], 32_768, 32_768),
    kept(['0x80001c01', '0x100000000000', 24, 256, 1612, CREATE], 128, 128),
    kept(['0x80000001', DYNAMIC, 24, 256, 1616, CREATE], 128, 128),
  ],
  '43-vio-bypass': [
    kept(['0x71000003', '0x0', 12, 65_536, 869, 'device'], 2, 1),
    ['0x80000000', '0x0', 12, 262_144, 870, RESET, 1173, RESET, 0, 0],
    kept(['0x80000000', '0x0', 12, 262_144, 1173, RESET], 0, 0),
  ],
  // Nothing tells the unplugging but the first call that is refused after it.
  '44-phb-replug': [
    kept(['0x80000000', '0x0', 12, 262_144, 1, RESET], 0, 0),
    ['0x80000200', '0x0', 12, 262_144, 2, RESET, 10, 'a PHB is unplugged', 1, 1],
    ['0x80000201', DYNAMIC, 16, 256, 5, CREATE, 10, 'a PHB is unplugged', 1, 1],
    ['0x80000200', '0x0', 12, 262_144, 12, 'PHB plug', 20, 'a PHB is unplugged', 1, 1],
    ['0x80000201', DYNAMIC, 16, 256, 15, CREATE, 20, 'a PHB is unplugged', 1, 1],
    ['0x80000200', '0x0', 12, 262_144, 22, 'PHB plug', 30, 'a PHB is unplugged', 1, 1],
    ['0x80000201', DYNAMIC, 16, 256, 25, CREATE, 30, 'a PHB is unplugged', 1, 1],
  ],
};

test.each(recordings)("each window's life is told: %s", async (name) => {
  const { windows } = await reportOf(name);
  const lives = windows.map(({ liobn, start, pageShift, entries, created, removed, peak, mapped }): Life => {
    const { line = null, by = null } = removed ?? {};
    return [liobn, start, pageShift, entries, created.line, created.by, line, by, peak, mapped];
  });
  expect(lives).toEqual(LIVES[name]);
});

describe('what a person debugging the guest wants to know', () => {
  test('12-kexec: 128 entries of the first kernel stay mapped until the second one clears them', async () => {
    const report = await reportOf('12-kexec');
    const left = found(report, 'left-mapped');
    expect(left).toMatchObject([{ liobn: '0x80000001', line: 2039, lastLine: 2691, count: 128 }]);
    expect(left[0]?.text).toContain('a new kernel took over, which cleared them at line 2691');
    // Its own entries are known one by one; none that the old kernel wrote in its one call is left.
    expect(report.windows[1]).toMatchObject({ liobn: '0x80000001', peak: 128, mapped: 9, unknown: 0 });
  });

  test('30-bare-hcalls: two windows lie at one place', async () => {
    const [overlap] = found(await reportOf('30-bare-hcalls'), 'overlap');
    expect(overlap).toMatchObject({ liobn: '0x80000000', line: 1258, count: 1 });
    expect(overlap?.text).toMatch(/0x80000000 at 0x800000000000000 overlaps that of LIOBN 0x80000001/);
  });

  test('30-bare-hcalls: 273 calls that reached a table were refused', async () => {
    const refused = found(await reportOf('30-bare-hcalls'), 'refused');
    expect(refused.reduce((sum, { count }) => sum + count, 0)).toBe(273);
  });

  test.each([
    ['21-phb-props', 1, '0x20000000', '0x10000000', '0x400000000000000', '0x11000'],
    ['21-phb-props', 0, '0x0', '0x40000000', DYNAMIC, '0x1211000'],
    ['42-three-phb-64k', 1, '0x0', '0x40000000', DYNAMIC, '0x11000'],
    ['42-three-phb-64k', 28, '0x0', '0x40000000', '0x100000000000', '0x1211000'],
    ['44-phb-replug', 0, '0x0', '0x40000000', null, null],
  ])(
    '%s: what PHB %i was given is told from its windows',
    async (name, index, winAddr, winSize, win64, pgsz) => {
      const { phbs } = await reportOf(name);
      expect(phbs.find((phb) => phb.index === index)).toMatchObject({
        dmaWinAddr: winAddr,
        dmaWinSize: winSize,
        dma64WinAddr: win64,
        pgszMask: pgsz,
      });
    },
  );

  test('05-system_reset: three boots, each from firmware to a running kernel', async () => {
    const { phases } = await reportOf('05-system_reset');
    expect(phases.map(({ name, line }) => [name, line])).toEqual([
      ['firmware', 912],
      ['boot', 1520],
      ['run', 2035],
      ['firmware', 3764],
      ['boot', 4372],
      ['run', 4887],
      ['firmware', 5930],
      ['boot', 6538],
      ['run', 7053],
    ]);
  });

  test('05-system_reset: a reset drops the dynamic window with all that is mapped there', async () => {
    const left = found(await reportOf('05-system_reset'), 'left-mapped');
    expect(left).toMatchObject([{ liobn: '0x80000001', line: 2036, lastLine: 5930, count: 256 }]);
  });

  test('02-disable_ddw: a guest that asked and made no window stays on the default one', async () => {
    const [finding] = found(await reportOf('02-disable_ddw-nvme-e1000e'), 'no-ddw');
    expect(finding).toMatchObject({ liobn: '0x80000000', line: 2033 });
    const others = recordings.filter((name) => name !== '02-disable_ddw-nvme-e1000e');
    for (const name of others) expect(found(await reportOf(name), 'no-ddw'), name).toEqual([]);
  });

  test('08-vio: VIO tables are no PHB’s, and cost a VFIO device nothing', async () => {
    const { windows, findings } = await reportOf('08-vio-vscsi-vlan');
    expect(windows.filter(({ buid }) => buid === null).map(({ liobn }) => liobn)).toEqual([
      '0x71000002',
      '0x71000003',
    ]);
    expect(findings.filter(({ liobn }) => liobn?.startsWith('0x71'))).toEqual([]);
  });

  test('40: QEMU aborts at the end of the log, and only there', async () => {
    for (const name of recordings) {
      expect((await reportOf(name)).aborted, name).toBe(name === '40-poisoned-slot-abort');
    }
  });

  test('41-migrate-dst: two machines explain it until a query shows which default window came back', async () => {
    expect((await reportOf('41-migrate-dst')).branches).toBe(2);
  });

  test('43-vio-bypass: quiesce and a reset zero what is still mapped', async () => {
    const left = found(await reportOf('43-vio-bypass'), 'left-mapped');
    expect(left).toMatchObject([{ liobn: '0x71000003', line: 1161, lastLine: 1173, count: 3 }]);
  });
});
