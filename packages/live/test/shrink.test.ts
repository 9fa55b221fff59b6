import type { HcallMade, QemuCall, QemuMachine } from '@spapr-dma/trace';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fewer } from '../src/shrink/fewer.ts';
import { type LiveCase, shrink } from '../src/shrink/shrink.ts';
import { simplerCalls } from '../src/shrink/simpler-call.ts';

const someItems = fc.uniqueArray(fc.nat(10_000), { minLength: 1, maxLength: 200 });

describe('fewer items', () => {
  test('of which some are needed are these, in their order', async () => {
    await fc.assert(
      fc.asyncProperty(someItems, fc.infiniteStream(fc.boolean()), async (items, chosen) => {
        const needed = items.filter(() => chosen.next().value);
        const left = await fewer(items, async (candidate) =>
          needed.every((item) => candidate.includes(item)),
        );
        expect(left).toEqual(needed);
      }),
    );
  });

  test('still fail, and not one of them can be spared, whatever failing is', async () => {
    const verdict = fc.func<[readonly number[]], boolean>(fc.boolean());
    await fc.assert(
      fc.asyncProperty(someItems, verdict, async (items, judge) => {
        const fails = (candidate: readonly number[]): boolean => candidate === items || judge(candidate);
        const left = await fewer(items, async (candidate) => fails(candidate));
        expect(fails(left)).toBe(true);
        for (const at of left.keys()) expect(judge(left.toSpliced(at, 1))).toBe(false);
      }),
    );
  });

  test('are found in few tries where few are needed of many', async () => {
    const items = Array.from({ length: 50_000 }, (_, at) => at);
    const needed = [17, 20_000, 20_001, 49_999];
    let tries = 0;
    const left = await fewer(items, async (candidate) => {
      tries++;
      const has = new Set(candidate);
      return needed.every((item) => has.has(item));
    });
    expect(left).toEqual(needed);
    expect(tries).toBeLessThan(200);
  });
});

const MACHINE: QemuMachine = {
  qemu: '7.2.22',
  machine: 'pseries-4.1',
  seed: 1,
  phbs: [
    { driver: 'spapr-pci-host-bridge', index: 0 },
    { driver: 'spapr-pci-host-bridge', index: 3, pgsz: 0x11000n, ddw: true },
    { driver: 'spapr-pci-host-bridge', index: 5 },
  ],
  vios: [{ driver: 'spapr-vscsi', reg: 0x71000001 }],
  ramMb: 256,
};

const stuff = (ioba: bigint, tce: bigint, npages: bigint): HcallMade => ({
  kind: 'hcall',
  op: 'H_STUFF_TCE',
  args: [0x80000000n, ioba, tce, npages],
  list: [],
});
const indirect = (list: readonly bigint[]): HcallMade => ({
  kind: 'hcall',
  op: 'H_PUT_TCE_INDIRECT',
  args: [0x80000000n, 0n, 0x40000n, BigInt(list.length)],
  list,
});
const query: QemuCall = {
  kind: 'rtas',
  op: 'ibm,query-pe-dma-window',
  args: [0, 0x8000000, 0x20000000],
  nret: 6,
};
const dma: QemuCall = { kind: 'dma', op: 'dma-read', phb: 0, ioba: (1n << 59n) | 0x1234n, bytes: 700 };
const plug: QemuCall = {
  kind: 'monitor',
  op: 'device_add',
  device: { driver: 'spapr-pci-host-bridge', index: 9, pgsz: 0x1000n },
};

const someCall: fc.Arbitrary<QemuCall> = fc.oneof(
  fc
    .tuple(fc.bigInt(0n, (1n << 64n) - 1n), fc.bigInt(0n, (1n << 64n) - 1n), fc.bigInt(0n, (1n << 64n) - 1n))
    .map((args) => stuff(...args)),
  fc.array(fc.bigInt(0n, (1n << 64n) - 1n), { maxLength: 100 }).map(indirect),
  fc.array(fc.nat(0xffffffff), { maxLength: 6 }).map((args) => ({ ...query, args })),
  fc
    .record({ ioba: fc.bigInt(0n, (1n << 64n) - 1n), bytes: fc.integer({ min: 1, max: 4095 }) })
    .map((some) => ({ ...dma, ...some })),
  fc.constant(plug),
);

describe('simpler calls', () => {
  test('are never the same call, and come to an end whichever is taken', () => {
    fc.assert(
      fc.property(someCall, fc.infiniteStream(fc.nat()), (call, choices) => {
        let steps = 0;
        for (let current = call; ; steps++) {
          const simpler = simplerCalls(current);
          const next = simpler[choices.next().value % simpler.length];
          if (next === undefined) break;
          expect(next).not.toEqual(current);
          current = next;
        }
        // 100 entries of a list, each in a few steps, and the bits of four numbers.
        expect(steps).toBeLessThan(2000);
      }),
    );
  });

  test('are as simple as can be where any call will do', async () => {
    const simplest = async (call: QemuCall): Promise<unknown> =>
      (await shrink({ machine: MACHINE, calls: [call] }, async ({ calls }) => calls.length === 1)).calls[0];
    expect(await simplest(stuff((1n << 59n) + 0x5000n, 0x7003n, 77n))).toEqual(stuff(0n, 0n, 0n));
    expect(await simplest(indirect([3n, 0x1003n]))).toEqual({
      ...indirect([]),
      args: [0x80000000n, 0n, 0x40000n, 0n],
    });
    expect(await simplest(query)).toEqual({ ...query, args: [0, 0, 0] });
    expect(await simplest(dma)).toEqual({ ...dma, ioba: 0n, bytes: 1 });
    expect(await simplest(plug)).toEqual({ ...plug, device: { driver: 'spapr-pci-host-bridge', index: 9 } });
  });
});

/** Fails where a fill of at least five entries in the second half of the default window follows a query. */
async function fails({ machine, calls }: LiveCase): Promise<boolean> {
  const at = calls.findIndex(({ op }) => op === 'ibm,query-pe-dma-window');
  return (
    machine.phbs.some(({ index }) => index === 3) &&
    calls
      .slice(at + 1)
      .some(
        (call) => at >= 0 && call.op === 'H_STUFF_TCE' && call.args[1]! >> 29n === 1n && call.args[3]! >= 5n,
      )
  );
}

const FOUND: LiveCase = {
  machine: MACHINE,
  calls: [plug, dma, query, stuff(0n, 3n, 9n), query, dma, stuff(0x3ffe5000n, 0x123003n, 77n), plug, dma],
};

describe('a case that fails', () => {
  test('keeps the calls, the arguments and the devices that it needs', async () => {
    expect(await shrink(FOUND, fails)).toEqual({
      machine: {
        ...MACHINE,
        machine: null,
        phbs: [
          { driver: 'spapr-pci-host-bridge', index: 0 },
          { driver: 'spapr-pci-host-bridge', index: 3 },
        ],
        vios: [],
      },
      calls: [{ ...query, args: [0, 0, 0] }, stuff(0x3f000000n, 0n, 5n)],
      tries: expect.any(Number),
      isMinimal: true,
    });
  });

  test('is shrunk in the same way each time, telling how far it is', async () => {
    const told: string[][] = [[], []];
    for (const lines of told) {
      await shrink(FOUND, fails, { onProgress: (progress) => lines.push(JSON.stringify(progress)) });
    }
    expect(told[0]).toEqual(told[1]);
    expect(told[0]!.length).toBeGreaterThan(5);
  });

  test('still fails where the tries came to their end', async () => {
    for (let triesMax = 0; triesMax < 30; triesMax++) {
      let asked = 0;
      const shrunk = await shrink(
        FOUND,
        async (candidate) => {
          asked++;
          return fails(candidate);
        },
        { triesMax },
      );
      expect(await fails(shrunk)).toBe(true);
      expect(asked).toBe(triesMax);
      expect(shrunk).toMatchObject({ tries: triesMax, isMinimal: false });
    }
  });

  test('stays as it is where somebody wants to go', async () => {
    const gone = new AbortController();
    const shrunk = await shrink(
      FOUND,
      async (candidate) => {
        gone.abort();
        return fails(candidate);
      },
      { signal: gone.signal },
    );
    expect(shrunk.tries).toBe(1);
    expect(await fails(shrunk)).toBe(true);
  });
});
