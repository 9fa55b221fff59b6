import { ioba } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import {
  answersAgree,
  parseCallLine,
  parseMeta,
  type QemuAnswer,
  type QemuCall,
  QemuSpecification,
  readQemuCalls,
  runVectors,
  writtenCall,
  writtenMeta,
} from '../src/index.ts';
import { chunked } from './support/follow.ts';
import {
  addPci,
  addPhb,
  create,
  DYNAMIC,
  delPci,
  delPhb,
  dma,
  get,
  indirect,
  L0,
  L1,
  L3,
  MACHINE,
  MIGRATE,
  put,
  query,
  RCU,
  releasePhb,
  remove,
  reset,
  rtas,
  SYSTEM_RESET,
  sensePhb,
  senseSlot,
  stuff,
  usePhb,
  VSCSI,
} from './support/qemu-calls.ts';

type Json = Readonly<Record<string, unknown>>;

/** One of everything. */
const CALLS: readonly QemuCall[] = [
  put(L0, 0x1000n, 0x10_0003n),
  get(L0, 0x1000n),
  get(0x8000_0000_8000_0000n, 0xffff_ffff_ffff_ffffn),
  indirect(L0, 0x2000n, [0x20_0003n, 0x30_0001n]),
  stuff(L0, 0x4000n, 0n, 3n),
  dma('dma-read', 0x1800n, 0xfff),
  dma('dma-write', 0x2ffen, 4),
  dma('dma-write', 0n, 64, 9),
  query(),
  query(1, 6),
  query(0, 3),
  create(16, 30),
  put(L1, DYNAMIC, 0x40_0003n),
  rtas('ibm,set-tce-bypass', [VSCSI, 1]),
  rtas('quiesce', []),
  addPhb(3, { pgsz: 0x1000n, ddw: true }),
  addPhb(77),
  ...usePhb(3),
  sensePhb(3),
  senseSlot(1, 24),
  addPci('hp0', 3),
  put(L3, 0n, 0x50_0001n),
  dma('dma-read', 0n, 8, 3),
  MIGRATE,
  get(L3, 0n),
  delPci('hp0'),
  delPhb(77),
  delPhb(3),
  ...releasePhb(3),
  RCU,
  get(L3, 0n),
  reset(),
  SYSTEM_RESET,
  remove(L0),
  create(12, 44),
  create(12, 20),
  create(12, 20),
];

/** The calls with the answers of the specification. */
function answered(): readonly { readonly call: QemuCall; readonly answer: QemuAnswer }[] {
  const specification = new QemuSpecification(MACHINE);
  return CALLS.map((call) => ({ call, answer: specification.step(call) }));
}
const ANSWERED = answered();
const LINES = ANSWERED.map(({ call, answer }, n) => writtenCall(n, call, answer));
const META = writtenMeta(MACHINE);
const run = (lines: readonly string[]) => runVectors(chunked(`${lines.join('\n')}\n`));

describe('what is written is read', () => {
  test.each(ANSWERED.map(({ call, answer }, n) => ({ op: call.op, call, answer, n })))(
    '$n $op',
    ({ call, answer, n }) => {
      const line = writtenCall(n, call, answer);
      expect(line).not.toContain('\n');
      expect(parseCallLine(line, 1)).toEqual({ n, call, answer });
    },
  );

  test('the machine, with its notes', () => {
    const notes = { title: 'A title', consequence: 'QEMU ends' };
    expect(parseMeta(writtenMeta(MACHINE, notes), 1)).toEqual({ version: 2, machine: MACHINE, notes });
    const plain = { ...MACHINE, machine: null, seed: null, vios: [] };
    expect(parseMeta(writtenMeta(plain), 1)).toEqual({ version: 2, machine: plain, notes: {} });
  });

  test('no note takes the place of what tells the machine', () => {
    expect(parseMeta(writtenMeta(MACHINE, { qemu: '9', meta: '7' }), 1).machine).toEqual(MACHINE);
  });

  test('a file as a whole', async () => {
    const read = await readQemuCalls(chunked(`${[META, '', ...LINES].join('\n')}\n`));
    expect(read.machine).toEqual(MACHINE);
    expect(read.calls.map(({ call, answer }) => ({ call, answer }))).toEqual(ANSWERED);
    await expect(readQemuCalls(chunked(''))).rejects.toThrow('is empty');
    await expect(readQemuCalls(chunked(`${META}\n{}\n`))).rejects.toThrow(
      "line 2 has no whole number in 'n'",
    );
  });

  test('a cell above 2^31 keeps its value, whether a caller has it signed or not', () => {
    const call = rtas('ibm,remove-pe-dma-window', [-1]);
    const line = writtenCall(0, call, { kind: 'rtas', rc: 0, rets: [-3] });
    expect(parseCallLine(line, 1).call).toMatchObject({ args: [0xffff_ffff] });
  });
});

describe('a replay of version 2', () => {
  test('agrees where the answers are the specification’s, up to the abort', async () => {
    const ends = ANSWERED.findIndex(({ answer }) => answer.kind === 'abort');
    expect(ends).toBe(CALLS.length - 2);
    const report = await run([META, ...LINES]);
    expect(report).toMatchObject({
      format: 'qemu-calls-2',
      vectors: CALLS.length,
      compared: CALLS.length - 1,
      mismatches: 0,
      error: null,
    });
    expect(report.unmodelled).toMatchObject([
      { n: CALLS.length - 1, reason: 'QEMU aborted before this call' },
    ]);
  });

  const at = (op: string, more: (line: Json) => boolean = () => true): number =>
    LINES.findIndex((line) => {
      const json: Json = JSON.parse(line);
      return json.op === op && more(json);
    });

  test.each<[string, number, Json]>([
    ['H_GET_TCE, TCE', at('H_GET_TCE'), { tce: '0x1' }],
    ['a bypass, status', at('ibm,set-tce-bypass'), { rets: [-3] }],
    ['quiesce, r3', at('quiesce'), { rc: -4 }],
    ['a sensor, state', at('get-sensor-state'), { rets: [0, '0x2'] }],
    ['a connector, status', at('ibm,configure-connector'), { rets: [-9003] }],
    ['an indicator, status', at('set-indicator'), { rets: [-3] }],
    ['a read, no piece', at('dma-read'), { pieces: [] }],
    [
      'a write, dropped',
      at('dma-write'),
      { pieces: [{ ioba: '0x2ffe', bytes: 4, gpa: null, outcome: 'dropped' }] },
    ],
    ['a device, refused', at('device_add'), { error: 'no' }],
    [
      'a device, not refused',
      at('device_add', ({ device }) => (device as Json).index === 77),
      { error: null },
    ],
    ['a migration, refused', at('migrate'), { error: 'no' }],
    ['a reset, abort', at('system_reset'), { abort: 'assertion' }],
  ])('a false answer is the first mismatch: %s', async (_, place, falsified) => {
    const line: Json = JSON.parse(LINES[place] ?? '');
    const report = await run([META, ...LINES.with(place, JSON.stringify({ ...line, ...falsified }))]);
    expect(report).toMatchObject({ mismatches: 1, first: { line: place + 2, n: place, op: line.op } });
    expect(report.first?.expected).not.toEqual(report.first?.observed);
  });
});

describe('two answers', () => {
  const piece = { ioba: ioba(0x1000n), bytes: 8, gpa: 0x2000n, outcome: 'ram' } as const;
  const hcall: QemuAnswer = { kind: 'hcall', rc: 0, tce: 1n };
  const rets: QemuAnswer = { kind: 'rtas', rc: 0, rets: [0, 1] };
  const moved: QemuAnswer = { kind: 'dma', pieces: [piece] };
  const done: QemuAnswer = { kind: 'monitor', error: null };
  const refused: QemuAnswer = { kind: 'monitor', error: 'it is there already' };
  const gone: QemuAnswer = { kind: 'abort', text: 'a' };
  const all = [hcall, rets, moved, done, refused, gone];

  test.each<[string, QemuAnswer, QemuAnswer]>([
    ['the same', moved, { kind: 'dma', pieces: [{ ...piece }] }],
    ['refused in other words', refused, { kind: 'monitor', error: 'no' }],
    ['gone with other words', gone, { kind: 'abort', text: 'b' }],
  ])('%s: agree', (_, a, b) => expect(answersAgree(a, b)).toBe(true));

  test.each<[string, QemuAnswer, QemuAnswer]>([
    ['r3', hcall, { ...hcall, rc: -4 }],
    ['r4', hcall, { ...hcall, tce: 2n }],
    ['no r4', hcall, { ...hcall, tce: null }],
    ['a cell', rets, { ...rets, rets: [0, 2] }],
    ['a cell more', rets, { ...rets, rets: [0, 1, 2] }],
    ['a cell fewer', rets, { ...rets, rets: [0] }],
    ['r3 of RTAS', rets, { ...rets, rc: -4 }],
    ['a piece’s place', moved, { kind: 'dma', pieces: [{ ...piece, gpa: 0x3000n }] }],
    ['a piece’s address', moved, { kind: 'dma', pieces: [{ ...piece, ioba: ioba(0n) }] }],
    ['a piece’s length', moved, { kind: 'dma', pieces: [{ ...piece, bytes: 4 }] }],
    ['a piece’s fate', moved, { kind: 'dma', pieces: [{ ...piece, outcome: 'zeros' }] }],
    ['a piece more', moved, { kind: 'dma', pieces: [piece, piece] }],
    ['a piece fewer', moved, { kind: 'dma', pieces: [] }],
    ['refused or not', done, refused],
  ])('%s: differ', (_, a, b) => {
    expect(answersAgree(a, b)).toBe(false);
    expect(answersAgree(b, a)).toBe(false);
  });

  test('of two kinds never agree', () => {
    for (const a of all) for (const b of all) expect(answersAgree(a, b)).toBe(a === b);
  });
});

describe('a file of version 2 that is wrong is told with its line and field', () => {
  const meta: Json = JSON.parse(META);
  test.each<[string, Json, string]>([
    ['no memory', { ramMb: undefined }, "has no whole number in 'ramMb'"],
    ['too much memory', { ramMb: 2 ** 40 }, "in 'ramMb', which is not 256 to 1048576"],
    ['memory of a strange size', { ramMb: 300 }, "has 300 in 'ramMb', which is no multiple of 256"],
    ['half a megabyte', { ramMb: 256.5 }, "has no whole number in 'ramMb'"],
    ['another machine', { machine: 'pseries' }, "has a 'machine' that is no pseries-X.Y"],
    ['a machine of hostile length', { machine: `pseries-${'1'.repeat(999)}.0` }, 'is no pseries-X.Y'],
    ['no machine', { machine: undefined }, "has no text in 'machine'"],
    ['a seed in words', { seed: 'seven' }, "has no whole number in 'seed'"],
    ['no VIO devices', { vios: undefined }, "has no list in 'vios'"],
    ['a VIO device that is none', { vios: [7] }, "has something in 'vios' that is no object"],
    ['another driver', { vios: [{ driver: 'spapr-vty', reg: '0x71000001' }] }, "in 'driver'"],
    ['a VIO device without place', { vios: [{ driver: 'spapr-vlan' }] }, "in 'reg'"],
    [
      'a VIO device elsewhere',
      { vios: [{ driver: 'spapr-vlan', reg: '0x71000000' }] },
      "in 'reg' that is not 0x71000001",
    ],
    [
      'one place twice',
      { vios: [1, 2].map(() => ({ driver: 'spapr-vlan', reg: '0x71000001' })) },
      "has two devices of one 'reg' in 'vios'",
    ],
    ['no PHB 0', { phbs: [{ index: 1 }] }, "has another PHB before PHB 0 in 'phbs'"],
    ['PHB 0 later', { phbs: [{ index: 1 }, { index: 0 }] }, "has another PHB before PHB 0 in 'phbs'"],
    ['no PHB at all', { phbs: [] }, "has another PHB before PHB 0 in 'phbs'"],
    ['a PHB that is none', { phbs: [null] }, "has something in 'phbs' that is no object"],
    ['a PHB beyond all', { phbs: [{ index: 31 }] }, "has 31 in 'index', which is not 0 to 30"],
  ])('first line: %s', async (_, change, text) => {
    const report = await run([JSON.stringify({ ...meta, ...change }), ...LINES]);
    expect(report).toMatchObject({ vectors: 0, error: { line: 1, text: expect.stringContaining(text) } });
  });

  const read = { n: 0, op: 'dma-read', phb: 0, ioba: '0x0', bytes: 4, pieces: [] };
  const piece = { ioba: '0x0', bytes: 4, gpa: null, outcome: 'zeros' };
  const add = { n: 0, op: 'device_add', device: { driver: 'pci', id: 'a', phb: 0, devfn: 8 }, error: null };
  const del = { n: 0, op: 'device_del', target: { kind: 'pci', id: 'a' }, error: null };
  test.each<[string, Json, string]>([
    ['an operation nobody knows', { n: 0, op: 'stop', error: null }, 'does not know: "stop"'],
    ['a name of JavaScript’s own', { n: 0, op: 'toString' }, 'does not know: "toString"'],
    ['a transfer without a place', { ...read, ioba: undefined }, "in 'ioba' that is no 64-bit hex number"],
    ['a transfer of nothing', { ...read, bytes: 0 }, "has 0 in 'bytes', which is not 1 to 4095"],
    ['a transfer of gigabytes', { ...read, bytes: 2 ** 33 }, "in 'bytes', which is not 1 to 4095"],
    ['a transfer through no PHB', { ...read, phb: undefined }, "has no whole number in 'phb'"],
    ['a transfer without pieces', { ...read, pieces: undefined }, "has no list in 'pieces'"],
    ['a piece that is none', { ...read, pieces: [4] }, "has something in 'pieces' that is no object"],
    ['a piece of another fate', { ...read, pieces: [{ ...piece, outcome: 'lost' }] }, "in 'outcome'"],
    ['a piece of hostile length', { ...read, pieces: [{ ...piece, bytes: 1e15 }] }, "in 'bytes'"],
    ['a piece without a place', { ...read, pieces: [{ ...piece, gpa: 7 }] }, "in 'gpa'"],
    ['a command without an answer', { n: 0, op: 'migrate' }, "has no text in 'error'"],
    ['a device that is none', { ...add, device: undefined }, "has something in 'device' that is no object"],
    [
      'another device',
      { ...add, device: { driver: 'e1000' } },
      "has none of spapr-pci-host-bridge, pci in 'driver'",
    ],
    ['a device without a name', { ...add, device: { ...add.device, id: '' } }, "has an 'id'"],
    ['a device whose name would be more', { ...add, device: { ...add.device, id: 'a,b=c' } }, "has an 'id'"],
    ['a device of a hostile name', { ...add, device: { ...add.device, id: 'a'.repeat(65) } }, "has an 'id'"],
    ['a device in no slot', { ...add, device: { ...add.device, devfn: 256 } }, "in 'devfn'"],
    [
      'a PHB beyond a byte',
      { ...add, device: { driver: 'spapr-pci-host-bridge', index: 256 } },
      "in 'index'",
    ],
    ['a target that is none', { ...del, target: 'a' }, "has something in 'target' that is no object"],
    ['another target', { ...del, target: { kind: 'memory' } }, "has none of phb, pci in 'kind'"],
    ['a target without a name', { ...del, target: { kind: 'pci' } }, "has no text in 'id'"],
    ['a target without an index', { ...del, target: { kind: 'phb' } }, "has no whole number in 'index'"],
    [
      'a status that is no number',
      { n: 0, op: 'quiesce', a: [], nret: 1, rc: 0, rets: ['0x0'] },
      "has a status in 'rets' that is no whole number",
    ],
    [
      'more cells than there is room for',
      { n: 0, op: 'quiesce', a: Array(17).fill('0x0'), nret: 1, rc: 0, rets: [0] },
      'gives 17 argument cells',
    ],
  ])('a call: %s', async (_, line, text) => {
    const report = await run([META, ...LINES.slice(0, 2), JSON.stringify(line), ...LINES.slice(2, 4)]);
    expect(report.error).toEqual({ line: 4, text: expect.stringContaining(text) });
    expect(report).toMatchObject({ vectors: 2, compared: 2, mismatches: 0 });
  });

  test('version 1 does not know the operations of version 2', async () => {
    const first = JSON.stringify({ meta: 1, qemu: '7.2.22', phbs: [{ index: 0 }] });
    for (const op of ['migrate', 'dma-read', 'quiesce']) {
      const line = LINES.find((text) => text.includes(`"${op}"`)) ?? '';
      expect((await run([first, line])).error).toMatchObject({ line: 2, text: expect.stringContaining(op) });
    }
  });
});
