import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LiveMachine } from '../src/machine/live-machine.ts';
import {
  addPci,
  addPhb,
  create,
  delPci,
  delPhb,
  dma,
  get,
  indirect,
  inShort,
  lacks,
  machineOf,
  migrate,
  phb,
  put,
  query,
  rcu,
  remove,
  rtas,
  skipped,
  stuff,
  systemReset,
} from './machine-real.ts';

const L = 0x8000_0000n;
const W = 1n << 59n;
const P = 0x800_0000n;
/** Connectors of PHB 2, and of slot 3 behind it. */
const PHB_2 = 0x2000_0002;
const SLOT_3 = 0x4002_0018;

const indicator = (type: number, index: number, state: number) =>
  rtas('set-indicator', [type, index, state], 1);
const configure = (index: number) => rtas('ibm,configure-connector', [index, 0], 1);
const sense = (index: number) => rtas('get-sensor-state', [9003, index], 2);

describe.skipIf(lacks !== null)(`the monitor of a real QEMU${skipped}`, () => {
  let live: LiveMachine;
  beforeAll(async () => {
    live = await LiveMachine.start(machineOf([phb(0), phb(1, { dmaWinSize: 0x10_0000n })]));
  });
  afterAll(() => live.close());
  const played = async (...calls: Parameters<LiveMachine['play']>[0]) =>
    (await live.play(calls)).map(inShort);

  test('resets the machine, and the guest’s program comes again', async () => {
    expect(
      await played(
        put(L, 0x1000n, P | 3n),
        create(0, 16, 30),
        remove(Number(L)),
        systemReset,
        get(L, 0x1000n),
        get(L + 1n, W),
        dma('read', 0, 0x1000n, 8),
        put(L, 0x1000n, P | 3n),
        dma('read', 0, 0x1000n, 8),
      ),
    ).toEqual([0, [0, 0x8000_0001, 0x800_0000, 0], [0], 'done', '0x0', -4, '8 zeros', 0, '8 0x8000000']);
    live.checkMemory();
  });

  test('plugs a PHB, whose window answers before the guest takes it into use', async () => {
    expect(
      await played(
        query(2),
        addPhb(phb(2)),
        addPhb(phb(2)),
        addPhb(phb(0)),
        addPhb(phb(31)),
        put(L + 0x200n, 0x1000n, P | 3n),
        dma('read', 2, 0x1000n, 8),
        configure(PHB_2),
        indicator(9003, PHB_2, 1),
        indicator(9001, PHB_2, 1),
        configure(PHB_2),
        rtas('ibm,configure-connector', [PHB_2], 1),
        sense(PHB_2),
      ),
    ).toEqual([
      [-3, '-', '-', '-', '-'],
      ...['done', 'refused', 'refused', 'refused', 0, ''],
      ...[[-9003], [0], [0], [0], [-3], [0, 1]],
    ]);
  });

  test('plugs a device behind it, which moves bytes at once', async () => {
    expect(
      await played(
        addPci('one', 2, 24),
        addPci('one', 2, 32),
        addPci('other', 9, 24),
        dma('read', 2, 0x1ff8n, 16),
        dma('write', 2, 0x1ff8n, 16),
        indicator(9001, SLOT_3, 1),
        configure(SLOT_3),
      ),
    ).toEqual(['done', 'refused', 'refused', '8 0x8000ff8, 8 zeros', '8 0x8000ff8, 8 dropped', [0], [0]]);
  });

  test('moves everything to a second QEMU, which goes on with the same memory', async () => {
    const { pid } = live;
    expect(
      await played(
        create(1, 16, 30),
        put(L + 0x101n, W, 0x300_0003n),
        migrate,
        get(L + 0x101n, W),
        get(L + 0x200n, 0x1000n),
        dma('read', 2, 0x1008n, 8),
        dma('write', 1, W + 8n, 8),
        sense(SLOT_3),
        migrate,
        get(L + 0x200n, 0x1000n),
      ),
    ).toEqual([
      ...[[0, 0x8000_0101, 0x800_0000, 0], 0, 'done', '0x3000003', '0x8000003'],
      ...['8 0x8000008', '8 0x3000008', [0, 1], 'done', '0x8000003'],
    ]);
    expect(live.pid).not.toBe(pid);
    live.checkMemory();
  });

  test('takes a device and its PHB away when the guest lets them go, the windows last', async () => {
    expect(
      await played(
        delPci('one'),
        dma('read', 2, 0x1000n, 8),
        indicator(9001, SLOT_3, 0),
        dma('read', 2, 0x1000n, 8),
        delPci('one'),
        delPhb(2),
        indicator(9001, PHB_2, 0),
        indicator(9003, PHB_2, 0),
        query(2),
        delPhb(2),
        rcu,
        put(L + 0x200n, 0x1000n, 3n),
        rcu,
      ),
    ).toEqual([
      ...['done', '8 0x8000000', [0], '', 'refused', 'done', [0], [0]],
      ...[[-3, '-', '-', '-', '-'], 'refused', 'done', -4, 'done'],
    ]);
  });

  test('plugs another PHB in its place, which a reset takes away where it is asked for', async () => {
    expect(
      await played(
        addPhb(phb(2, { dmaWinAddr: 0x4000n, dmaWinSize: 0x2_0000n })),
        addPci('one', 2, 24),
        put(L + 0x200n, 0x4000n, P | 3n),
        dma('read', 2, 0x4000n, 8),
        delPci('one'),
        systemReset,
        dma('read', 2, 0x4000n, 8),
        delPhb(2),
        systemReset,
        rcu,
        get(L + 0x200n, 0x4000n),
      ),
    ).toEqual(['done', 'done', 0, '8 0x8000000', 'done', 'done', '', 'done', 'done', 'done', -4]);
  });

  test('loads a window of as many entries elsewhere, and devices find it where another one was', async () => {
    const asMany = [remove(Number(L)), create(0, 16, 34), put(L, 0n, P | 3n), stuff(L, 0x1_0000n, 0n, 1n)];
    await live.play([systemReset, create(0, 12, 20), ...asMany]);
    const list = [(P + 0x1_0000n) | 3n, (P + 0x4_0000n) | 3n];
    await live.play([indirect(L, W, 0x80_0000n, list), migrate]);
    expect(
      await played(get(L, W + 0x1_0000n), dma('read', 0, W + 0x1_0010n, 16), dma('read', 0, 0x1_0010n, 16)),
    ).toEqual(['0x8040003', '16 zeros', '16 0x8040010']);
    expect(await played(dma('write', 0, 0xfff8n, 16))).toEqual(['8 0x801fff8, 8 0x8040000']);
  });
});

describe.skipIf(lacks !== null)(`a real QEMU that aborts at its monitor’s word${skipped}`, () => {
  test.each([
    ['a reset enables a poisoned slot', systemReset],
    ['a reset of one PHB does', rtas('ibm,reset-pe-dma-window', [0, 0x800_0000, 0x2000_0000], 1)],
  ])('%s', async (_, call) => {
    const live = await LiveMachine.start(machineOf([phb(0)]));
    const answers = await live.play([
      create(0, 24, 30),
      remove(Number(L)),
      create(0, 12, 44),
      call,
      get(L, 0n),
    ]);
    expect(answers.slice(2).map(inShort)).toEqual([
      [-1, '-', '-', '-'],
      "Assertion `!subregion->container' failed.",
    ]);
    await live.close();
  });

  test('a function is plugged where one is that the guest cannot see', async () => {
    const live = await LiveMachine.start(machineOf([phb(0)]));
    const plugs = [addPci('one', 0, 0x21), dma('read', 0, 0n, 8), addPci('other', 0, 0x21)];
    expect((await live.play(plugs)).map(inShort)).toEqual(['done', '8 zeros', 'QEMU ended by SIGSEGV']);
    await live.close();
  });
});
