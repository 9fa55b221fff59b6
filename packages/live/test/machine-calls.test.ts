import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { LiveError } from '../src/machine/live-error.ts';
import { LiveMachine } from '../src/machine/live-machine.ts';
import {
  create,
  get,
  indirect,
  inShort,
  lacks,
  machineOf,
  phb,
  put,
  query,
  remove,
  reset,
  rtas,
  skipped,
  stuff,
} from './machine-real.ts';

const L = 0x8000_0000n;
const W = 1n << 59n;
const LISTS = 0x80_0000n;

describe.skipIf(lacks !== null)(`calls of a real QEMU’s guest${skipped}`, () => {
  let live: LiveMachine;
  beforeAll(async () => {
    const phbs = [
      phb(0),
      phb(1, { pgsz: 0x401_1000n, dmaWinSize: 0x10_0000n, dma64WinAddr: 0x1_0000_0000n }),
      phb(3, { ddw: false }),
    ];
    live = await LiveMachine.start(machineOf(phbs, { vios: [{ driver: 'spapr-vscsi', reg: 0x7100_0003 }] }));
  });
  afterAll(() => live.close());
  const played = async (...calls: Parameters<LiveMachine['play']>[0]) =>
    (await live.play(calls)).map(inShort);

  test('an entry is read as it was written, from anywhere in its page', async () => {
    expect(
      await played(
        put(L, 0x1fffn, 0x8877_6655_4433_2211n),
        get(L, 0x1000n),
        get(L, 0x1fffn),
        get(L, 0x2000n),
        get(L, 0x4000_0000n),
        get(L + 1n, 0n),
        put(L | (1n << 32n), 0n, 3n),
      ),
    ).toEqual([0, '0x8877665544332211', '0x8877665544332211', '0x0', -4, -4, -4]);
  });

  test('a stretch is written as far as the window reaches', async () => {
    expect(
      await played(
        stuff(L, 0x3fff_e000n, 0x5003n, 3n),
        get(L, 0x3fff_f000n),
        stuff(L, 0n, 3n, 0n),
        stuff(L, 0x1000n, 0n, 1n),
      ),
    ).toEqual([-4, '0x5003', -4, 0]);
  });

  test('a call that writes more cells than it was asked for does not reach the next one', async () => {
    expect(await played(rtas('get-sensor-state', [], 1), query(0))).toEqual([
      [-3],
      [0, 1, 0x8000_0000, 0x107, 0],
    ]);
  });

  test('a list is read where it stands, zeros behind it, and nothing where there is no memory', async () => {
    const last = 0x0fff_f000n;
    expect(
      await played(
        put(L, 0x7000n, 0xf003n),
        indirect(L, 0x9000n, LISTS + 0x1000n, [1n, 2n, 3n]),
        indirect(L, 0x5000n, LISTS, [0x1003n, 0x2001n], 3n),
        ...[0x5000n, 0x6000n, 0x7000n].map((ioba) => get(L, ioba)),
        indirect(L, 0x5000n, last, [0x9003n]),
        get(L, 0x5000n),
        indirect(L, 0x5000n, 0x4000_0000n, [], 1n),
        get(L, 0x5000n),
        indirect(L, 0x5000n, LISTS + 8n, [3n]),
        indirect(L, 0x5000n, LISTS, [], 513n),
      ),
    ).toEqual([0, 0, 0, '0x1003', '0x2001', '0x0', 0, '0x9003', 0, '0x0', -4, -4]);
    live.checkMemory();
  });

  test('two lists in one place are two batches', async () => {
    expect(
      await played(
        indirect(L, 0x5000n, LISTS, [0x1003n]),
        indirect(L, 0x6000n, LISTS, [0x2003n]),
        get(L, 0x5000n),
        get(L, 0x6000n),
      ),
    ).toEqual([0, 0, '0x1003', '0x2003']);
  });

  test('a list is never written over the program that makes the calls', async () => {
    await expect(live.play([indirect(L, 0n, 0x10_0000n, [3n])])).rejects.toThrow(LiveError);
    expect(await played(get(L, 0x5000n))).toEqual(['0x1003']);
  });

  test('RTAS calls answer with their cells, and leave alone what they do not write', async () => {
    expect(
      await played(
        query(0),
        rtas('ibm,query-pe-dma-window', [0, 0x800_0000, 0x2000_0001], 6),
        query(3),
        query(9),
        rtas('ibm,query-pe-dma-window', [0, 0x800_0000], 5),
        create(0, 13, 30),
        create(0, 16, 30),
        create(0, 16, 30),
        remove(0x8000_0001),
        remove(0x8000_0001),
        reset(1),
        rtas('ibm,reset-pe-dma-window', [0, 0x800_0000, 0x2000_0001], 0),
      ),
    ).toEqual([
      [0, 1, 0x8000_0000, 0x107, 0],
      [0, 1, 0x20, 0, 0x13, 0],
      [-3, '-', '-', '-', '-'],
      [-3, '-', '-', '-', '-'],
      [-3, '-', '-', '-', '-'],
      [-3, '-', '-', '-'],
      [0, 0x8000_0001, 0x800_0000, 0],
      [-1, '-', '-', '-'],
      [0],
      [-3],
      [0],
      [],
    ]);
  });

  test('VIO devices have windows of their own', async () => {
    const V = 0x7100_0003n;
    expect(
      await played(
        put(V, 0xfff_f000n, 0x5003n),
        put(V, 0x1000_0000n, 0x5003n),
        rtas('ibm,set-tce-bypass', [Number(V), 1], 1),
        rtas('ibm,set-tce-bypass', [0x7100_0009, 1], 1),
        rtas('quiesce', [], 1),
        get(V, 0xfff_f000n),
      ),
    ).toEqual([0, -4, [0], [-3], [0], '0x0']);
  });

  test('more calls than a batch holds are answered in their order', async () => {
    const calls = Array.from({ length: 10_000 }, (_, n) =>
      n % 2 === 0 ? put(L, BigInt(n) * 0x800n, BigInt(n)) : get(L, BigInt(n - 1) * 0x800n),
    );
    const answers = await live.play(calls);
    const tces = answers.filter((_, n) => n % 2 === 1).map((answer) => answer.kind === 'hcall' && answer.tce);
    expect(answers.length).toBe(10_000);
    expect(tces).toEqual(Array.from({ length: 5000 }, (_, n) => BigInt(n * 2)));
  });

  test('windows are made where the PHB’s properties say', async () => {
    expect(
      await played(create(1, 26, 30), put(L + 0x101n, 0x1_0000_0000n, 3n), put(L + 0x101n, W, 3n)),
    ).toEqual([[0, 0x8000_0101, 1, 0], 0, -4]);
  });
});

describe.skipIf(lacks !== null)(`a real QEMU that aborts${skipped}`, () => {
  test('answers the call that did it, and no further one', async () => {
    const live = await LiveMachine.start(machineOf([phb(0)]));
    const answers = await live.play([
      put(L, 0n, 3n),
      create(0, 12, 44),
      get(L, 0n),
      create(0, 12, 30),
      get(L, 0n),
    ]);
    expect(answers.map(inShort)).toEqual([
      0,
      [-1, '-', '-', '-'],
      '0x3',
      "Assertion `!subregion->container' failed.",
    ]);
    expect((await live.play([get(L, 0n)])).map(inShort)).toEqual([
      "Assertion `!subregion->container' failed.",
    ]);
    await live.close();
  });

  test('leaves nothing for the machine after it, whose memory was the same', async () => {
    const machine = machineOf([phb(0)]);
    const aborted = await LiveMachine.start(machine);
    await aborted.play([create(0, 12, 44), create(0, 12, 30)]);
    await aborted.close();
    const live = await LiveMachine.start(machine);
    expect((await live.play([query(0), create(0, 12, 30)])).map(inShort)).toEqual([
      [0, 1, 0x8000_0000, 0x107, 0],
      [0, 0x8000_0001, 0x800_0000, 0],
    ]);
    await live.close();
  });

  test('is told from one that somebody killed, and from one whose guest is silent', async () => {
    const live = await LiveMachine.start(machineOf([phb(0)]), { silentMs: 100 });
    live.pause();
    await expect(live.play([get(L, 0n)])).rejects.toThrow('the guest did not answer 1 calls within 100 ms');
    process.kill(live.pid, 'SIGKILL');
    // Its guard tells of its end, which takes a while on a busy machine.
    await vi.waitFor(
      () => expect(live.play([get(L, 0n)])).rejects.toThrow('QEMU was ended by SIGKILL'),
      20_000,
    );
    await live.close();
  });

  test('is never started with arguments that it refuses', async () => {
    await expect(LiveMachine.start(machineOf([phb(0)], { ramMb: 100 }))).rejects.toThrow(LiveError);
  });
});
