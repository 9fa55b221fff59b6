import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createActor } from 'xstate';
import { canonicalPowernv, initialPowernv, type PowernvReceived, powernvMachine } from '../src/index.ts';
import {
  bind,
  call,
  claim,
  clear,
  create,
  D0,
  D1,
  dma,
  E0,
  fail,
  get,
  type Host,
  input,
  kill,
  map,
  put,
  readSlots,
  release,
  send,
  set,
  started,
  unbind,
  unmap,
  unset,
  writeSlots,
  xchg,
} from './machine.ts';

const key = (host: Host): string => JSON.stringify(canonicalPowernv(host.context));
const owned: readonly PowernvReceived[] = [claim(), create(0, 12, 1n << 31n, 1), set(0, 1)];
const tree: readonly PowernvReceived[] = [claim(), create(0, 12, 1n << 40n, 2), set(0, 1)];
const [remove, rescan] = [call('remove-device', { device: E0 }), call('rescan', { phb: 2 })];
const vfs = (count: number) => call('sriov_numvfs', { device: D0, count });

describe('equal states have equal keys, whatever path led there', () => {
  const paths: readonly (readonly [string, readonly PowernvReceived[], readonly PowernvReceived[]])[] = [
    ['a claim and a release', [], [claim(), release()]],
    ['windows made and removed', [claim()], [...owned, unset(0), put(1)]],
    ['an entry that was taken back', owned, [...owned, xchg(1, 5, 0x1000n), clear(1, 5), kill(1, 5)]],
    [
      'entries in two orders',
      [...owned, xchg(1, 5, 0x1000n), xchg(1, 6, 0x2000n)],
      [...owned, xchg(1, 6, 0x2000n), xchg(1, 5, 0x1000n)],
    ],
    [
      'a range and its entries',
      [...owned, xchg(1, 5, 0x1000n, 3, 2)],
      [...owned, xchg(1, 5, 0x1000n), xchg(1, 6, 0x2000n)],
    ],
    [
      'a word behind the table that was taken back',
      [...owned, xchg(1, 2 ** 20, 0x1000n)],
      [...owned, xchg(1, 2 ** 20 + 9, 0n, 0), xchg(1, 2 ** 20, 0x1000n)],
    ],
    ['a slot emptied', owned, [...owned, writeSlots(1, 5, 0x1000n), writeSlots(1, 5, null)]],
    ['a reference taken and dropped', owned, [...owned, get(1), put(1)]],
    ['a device that went and came', [], [remove, rescan]],
    ['virtual functions that came and went', [bind()], [bind(), vfs(2), vfs(0)]],
    ['a driver that came and went', [], [bind(), unbind()]],
    [
      'a failure that was asked for and met',
      [claim()],
      [claim(), fail('create_table'), create(0, 16, 1n << 30n, 1)],
    ],
    [
      'two failures asked for in two orders',
      [fail('create_table'), fail('tce_level_alloc')],
      [fail('tce_level_alloc'), fail('create_table')],
    ],
    [
      'calls that are refused',
      [claim()],
      [claim(), claim(), bind(), release(7), create(0, 12, 3n, 1), unmap(0n)],
    ],
    ['reads', owned, [...owned, readSlots(1, 0), call('table_group_read', { group: 0 })]],
  ];
  test.each(paths)('%s', (_, one, other) => {
    expect(key(started({}, ...one))).toBe(key(started({}, ...other)));
  });
});

test('states that behave differently have different keys', () => {
  const states: readonly (readonly [string, Host])[] = [
    ['as started', started()],
    ['another kernel', started({ linux: 'linux-4.4' })],
    ['another group taken', started({}, claim(1))],
    ['a group taken', started({}, claim())],
    ['a window', started({}, ...owned)],
    ['a window of two levels', started({}, ...tree)],
    ['a table that is not set', started({}, ...owned.slice(0, 2))],
    ['another reference', started({}, ...owned, get(1))],
    ['an entry', started({}, ...owned, xchg(1, 5, 0x1000n))],
    ['another right', started({}, ...owned, xchg(1, 5, 0x1000n, 1))],
    ['an entry not killed', started({}, ...owned, xchg(1, 5, 0x1000n), clear(1, 5))],
    ['a level that stays', started({}, ...tree, xchg(1, 5, 0x1000n), clear(1, 5), kill(1, 5))],
    ['a level of the view', started({}, ...tree, readSlots(1, 5, 1, true))],
    ['a slot', started({}, ...owned, writeSlots(1, 5, 0x1000n))],
    ['a word behind the table', started({}, ...owned, xchg(1, 2 ** 20, 0x1000n))],
    ['a shared table', started({}, ...owned, claim(1), set(0, 1, 1))],
    [
      'the same, the other way',
      started({}, claim(), claim(1), create(0, 12, 1n << 31n, 1), set(0, 1, 1), set(0, 1)),
    ],
    ['a driver', started({}, bind())],
    ['of another device', started({}, bind(0xffff_ffffn, D1))],
    ['a mapping', started({}, bind(), map(0x1000n))],
    ['one taken away: the next begins elsewhere', started({}, bind(), map(0x1000n), unmap(0x1_1000n))],
    ['a device less', started({}, remove)],
    ['a virtual function', started({}, bind(), vfs(1))],
    ['a frozen PE', started({}, dma(0n))],
    ['a failure to come', started({}, fail('create_table'))],
    ['another code of it', started({}, fail('create_table', 'OPAL_BUSY'))],
    ['a window that stayed', started({}, ...owned, fail('opal_pci_map_pe_dma_window'), unset(0))],
    ['a stale base', started({ switches: { tableBaseUpdate: 'none' } }, claim())],
  ];
  const seen = new Map<string, string>();
  for (const [name, host] of states) {
    expect(seen.get(key(host)), name).toBeUndefined();
    seen.set(key(host), name);
  }
});

test('states with equal keys answer any further calls alike', () => {
  const message = fc.constantFrom<PowernvReceived>(
    claim(),
    release(),
    create(0, 12, 1n << 31n, 1),
    set(0, 1),
    unset(0),
    put(1),
    xchg(1, 5, 0x1000n),
    clear(1, 5),
    kill(1, 5),
    bind(),
    unbind(),
    map(0x1000n),
  );
  const reached = new Map<string, Host>();
  const probes = [
    claim(),
    release(),
    create(1, 16, 1n << 30n, 1),
    clear(1, 0, 16),
    dma(0x5000n),
    map(0n),
    get(1),
  ];
  let met = 0;
  fc.assert(
    fc.property(fc.array(message, { maxLength: 7 }), (path) => {
      const host = started({}, ...path);
      const other = reached.get(key(host));
      reached.set(key(host), host);
      if (other === undefined) return;
      met += 1;
      for (const probe of probes) {
        const [here, there] = [send(host, probe), send(other, probe)];
        expect(here.sent).toEqual(there.sent);
        expect(key(here.host)).toBe(key(there.host));
      }
    }),
    { numRuns: 300 },
  );
  expect(met).toBeGreaterThan(20);
});

test('a key is a file: plain JSON, with hex for wide values', () => {
  const data = canonicalPowernv(started({}, ...owned, xchg(1, 5, 0xfed_cba9_8765_4000n)).context);
  expect(JSON.parse(JSON.stringify(data))).toEqual(data);
  expect(JSON.stringify(data)).toContain('"0xfedcba987654003"');
});

describe('the machine', () => {
  test('emits while it runs what a transition answers', () => {
    const actor = createActor(powernvMachine, { input: input() });
    const heard: unknown[] = [];
    actor.on('*', (message) => heard.push(message));
    actor.start();
    actor.send(claim());
    expect(heard).toEqual(send(started(), claim()).sent);
    expect(actor.getSnapshot().context).toEqual(started({}, claim()).context);
  });

  test('a message that it does not know stops the run', () => {
    const host = started();
    const stepped = send(host, { ...claim(), type: 'H_PUT_TCE' } as never);
    expect(stepped.sent).toEqual([
      {
        type: 'unexpected',
        from: 'powernv-ioda2',
        to: 'environment',
        received: 'H_PUT_TCE',
        state: 'serving',
      },
    ]);
    expect(stepped.host.context).toBe(host.context);
  });

  test('every answer carries the thread of its call, and is the last thing said', () => {
    const message = { ...claim(), thread: 'worker' as never };
    const { sent } = send(started(), message);
    expect(sent.at(-1)).toMatchObject({ type: 'table-group-return', call: 'iommu_group_claim_dma_owner' });
    expect(
      sent
        .filter((each) => each.type !== 'cost')
        .every((each) => 'thread' in each && each.thread === 'worker'),
    ).toBe(true);
  });

  test.each([
    ['an address that is none', [{ phb: 0, devices: [{ device: 'nvme0' }] }]],
    ['a function twice', [{ phb: 0, devices: [{ device: D0 }, { device: D0 }] }]],
    [
      'a PHB twice',
      [
        { phb: 0, devices: [] },
        { phb: 0, devices: [] },
      ],
    ],
  ])('is not started with %s', (_, phbs) => {
    expect(() => initialPowernv({ phbs })).toThrow(RangeError);
  });

  test('order of PHBs and devices in the input does not matter', () => {
    const devices = [{ device: D1 }, { device: D0 }];
    const one = initialPowernv({
      phbs: [
        { phb: 2, devices: [{ device: E0 }] },
        { phb: 1, devices },
      ],
    });
    const other = initialPowernv({
      phbs: [
        { phb: 1, devices: devices.toReversed() },
        { phb: 2, devices: [{ device: E0 }] },
      ],
    });
    expect(canonicalPowernv(one)).toEqual(canonicalPowernv(other));
  });
});
