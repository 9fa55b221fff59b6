import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalQemu, type QemuReceived } from '../src/index.ts';
import {
  after,
  create,
  DYNAMIC,
  deviceAdd,
  devicePciDel,
  devicePhbDel,
  get,
  hcall,
  indirect,
  L0,
  L1,
  linesOf,
  put,
  type Qemu,
  query,
  register,
  remove,
  reset,
  rtas,
  running,
  send,
  step,
  stuff,
  unregister,
} from './machine.ts';

const key = (qemu: Qemu) => JSON.stringify(canonicalQemu(qemu.context));
const phb = (index: number) => deviceAdd({ driver: 'spapr-pci-host-bridge', index });
const pci = (id: string, devfn: number) => deviceAdd({ driver: 'pci', id, phb: 0, devfn });

describe('equal states have equal keys, whatever path led there', () => {
  const paths: readonly (readonly [string, readonly QemuReceived[], readonly QemuReceived[]])[] = [
    ['nothing, and a put taken back', [], [put(L0, 0n, 3n), put(L0, 0n, 0n)]],
    ['puts in two orders', [put(L0, 0n, 3n), put(L0, 0x1000n, 5n)], [put(L0, 0x1000n, 5n), put(L0, 0n, 3n)]],
    ['a STUFF and an INDIRECT', [stuff(L0, 0n, 3n, 2n)], [indirect(L0, 0n, [3n, 3n])]],
    [
      'a full window cleared and an untouched one',
      [],
      [stuff(L0, 0n, 3n, 0x4_0000n), stuff(L0, 0n, 0n, 0x4_0000n)],
    ],
    ['a window made and removed, and none', [], [create(16, 20), put(L1, DYNAMIC, 3n), remove(L1)]],
    ['a window of 76 and of 76 again', [create(76, 80)], [create(16, 20), remove(L1), create(76, 80)]],
    ['a reset of nothing', [], [reset()]],
    ['a restored default window', [reset()], [create(16, 20), remove(L0), remove(L1)]],
    // The flag of B-31 is all that could tell them apart, and it is what stays.
    ['a window that is like the default one', [], [remove(L0), create(12, 30)]],
    ['a notifier that came and went', [], [register(), unregister()]],
    [
      'a notifier before or after a create',
      [register(), create(16, 20), step()],
      [create(16, 20), register()],
    ],
    [
      'a PHB plugged after another that came and went',
      [phb(2)],
      [phb(1), devicePhbDel(1), step('rcu' as never), phb(2)],
    ],
    ['two devices plugged in two orders', [pci('a', 8), pci('b', 16)], [pci('b', 16), pci('a', 8)]],
    ['a device that came and went', [], [pci('a', 8), devicePciDel('a')]],
    ['a PHB that came and went', [], [phb(3), devicePhbDel(3), step('rcu' as never)]],
    [
      'calls that are refused',
      [],
      [create(13, 20), get(L1, 0n), query(9), rtas('rtas', [], 1), hcall({ type: 'hcall', opcode: 1n })],
    ],
  ];
  test.each(paths)('%s', (_, one, other) => {
    expect(key(running({}, ...one))).toBe(key(running({}, ...other)));
  });
});

describe('states that behave differently have different keys', () => {
  const states: readonly (readonly [string, Qemu])[] = [
    ['as started', running()],
    ['an entry', running({}, put(L0, 0n, 3n))],
    ['another value of it', running({}, put(L0, 0n, 1n))],
    ['another entry', running({}, put(L0, 0x1000n, 3n))],
    ['a window', running({}, create(16, 20))],
    ['a larger one', running({}, create(16, 21))],
    ['one of the same length and other pages', running({}, create(12, 20))],
    ['one of the same entries and other pages', running({}, create(12, 16))],
    ['the dynamic window alone', running({}, create(16, 20), remove(L0))],
    ['no window', running({}, remove(L0))],
    ['a window at 0 in slot 0', running({}, remove(L0), create(12, 29))],
    ['the same in slot 1', running({}, create(12, 29), remove(L0))],
    ['a stuck slot', running({}, create(16, 48))],
    ['a slot stuck with other pages', running({}, create(12, 44))],
    ['a notifier', running({}, register())],
    ['two notifiers', running({}, register(), register())],
    ['a create that waits', running({}, register(), create(16, 20))],
    ['a PHB', running({}, phb(1))],
    ['another PHB', running({}, phb(2))],
    ['a PHB made usable', running({}, phb(1), rtas('set-indicator', [9003, 0x2000_0001, 1], 1))],
    ['a PHB that is dying', running({}, phb(1), devicePhbDel(1))],
    ['a device', running({}, pci('a', 8))],
    ['a device in another slot', running({}, pci('a', 16))],
    ['a device by another name', running({}, pci('b', 8))],
  ];
  test('each of a list from every other', () => {
    const seen = new Map<string, string>();
    for (const [name, qemu] of states) {
      expect(seen.get(key(qemu)), name).toBeUndefined();
      seen.set(key(qemu), name);
    }
  });
});

test('states with equal keys answer any further calls alike', () => {
  const call = fc.oneof(
    fc
      .tuple(fc.constantFrom(L0, L1), fc.nat(5), fc.constantFrom(0n, 3n, 5n))
      .map(([l, page, tce]) => put(l, BigInt(page) << 12n, tce)),
    fc.constantFrom<QemuReceived>(create(16, 20), create(12, 20), remove(L0), remove(L1), reset(), query()),
  );
  const calls = fc.array(call, { maxLength: 6 });
  const reached = new Map<string, Qemu>();
  const probes = [query(), get(L0, 0n), get(L1, DYNAMIC), create(16, 20), remove(L0), remove(L1), reset()];
  let met = 0;
  fc.assert(
    fc.property(calls, (path) => {
      const qemu = running({}, ...path);
      const other = reached.get(key(qemu));
      reached.set(key(qemu), qemu);
      if (other === undefined) return;
      met += 1;
      for (const probe of probes) {
        const [here, there] = [send(qemu, probe), send(other, probe)];
        expect(here.sent).toEqual(there.sent);
        expect(key(here.qemu)).toBe(key(there.qemu));
      }
    }),
    { numRuns: 300 },
  );
  expect(met).toBeGreaterThan(20);
});

test('a key is a file: plain JSON, with hex for wide values', () => {
  const qemu = after(running({}, create(16, 20)), put(L1, DYNAMIC, 0xfedc_ba98_7654_3fffn));
  const data = canonicalQemu(qemu.context);
  expect(JSON.parse(JSON.stringify(data))).toEqual(data);
  expect(JSON.stringify(data)).toContain('"0xfedcba9876543fff"');
  expect(linesOf(send(qemu, query()))).toHaveLength(1);
});
