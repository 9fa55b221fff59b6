import { describe, expect, test } from 'vitest';
import {
  after,
  configured,
  create,
  DYNAMIC,
  enabled,
  L0,
  L1,
  migrate,
  migrateIncoming,
  monitorAnswer,
  namesOf,
  put,
  type Qemu,
  register,
  remove,
  reset,
  running,
  type Stepped,
  send,
  step,
  stuff,
  systemReset,
  table,
  unregister,
} from './machine.ts';

const phb1 = { driver: 'spapr-pci-host-bridge', index: 1 } as const;
const devices = [{ ...phb1, index: 0 }, phb1];
const told = ({ sent }: Stepped) =>
  sent.flatMap((message) =>
    message.type === 'iommu-notify'
      ? [
          `${message.phb} ${message.kind} 0x${message.iova.toString(16)} 0x${message.translated.toString(16)} ${message.perm}`,
        ]
      : [],
  );
const costs = ({ sent }: Stepped) =>
  sent.flatMap((message) => (message.type === 'cost' ? [`${message.operation} ${message.count}`] : []));
const needed = (qemu: Qemu) => qemu.context.tables.map(({ needVfio }) => needVfio);

describe('somebody begins to listen', () => {
  const mapped = running(
    {},
    create(16, 20),
    put(L0, 0x1000n, 0x5003n),
    stuff(L0, 0x2000n, 0x6001n, 2n),
    put(L0, 0x9000n, 0x7000n),
    put(L1, DYNAMIC + 0x3_0000n, 0x12_0002n),
  );

  test('and is told MAP of every mapped entry, window by window, never UNMAP', () => {
    expect(told(send(mapped, register()))).toEqual([
      '0 MAP 0x1000 0x5000 3',
      '0 MAP 0x2000 0x6000 1',
      '0 MAP 0x3000 0x6000 1',
      '0 MAP 0x30000 0x120000 2',
    ]);
  });

  test('at the cost of every entry, mapped or not', () => {
    const stepped = send(mapped, register());
    expect(costs(stepped)).toEqual(['replay 262144', 'replay 16']);
    expect(namesOf(stepped)[0]).toBe('cost');
  });

  test('to the windows of one PHB, those that come later too', () => {
    const one = running({ devices }, register(1));
    expect(needed(one)).toEqual([false, false, true, false]);
    expect(told(send(one, put(L0, 0n, 3n)))).toEqual([]);
    expect(told(send(one, put(0x8000_0100, 0n, 0x5003n)))).toEqual(['1 MAP 0x0 0x5000 3']);
    expect(needed(after(one, create(16, 20, 1), step()))).toEqual([false, false, true, true]);
  });

  test('to a PHB that is not: nothing happens', () => {
    for (const message of [register(7), unregister(7), unregister(0)]) {
      const stepped = send(mapped, message);
      expect(stepped.sent).toEqual([]);
      expect(stepped.qemu.context).toBe(mapped.context);
    }
  });
});

test('the last one that stops to listen leaves the tables unheard', () => {
  const two = running({}, register(), register());
  expect(needed(after(two, unregister()))).toEqual([true, false]);
  const none = after(two, unregister(), unregister());
  expect(needed(none)).toEqual([false, false]);
  expect(told(send(none, put(L0, 0n, 3n)))).toEqual([]);
  expect(namesOf(send(none, create(16, 20)))).toContain('rtas-return');
});

test('a put is told before its line: MAP with permissions, UNMAP without', () => {
  const heard = running({}, register());
  expect(told(send(heard, put(L0, 0x2abcn, 0x1234_5002n)))).toEqual(['0 MAP 0x2000 0x12345000 2']);
  expect(told(send(heard, put(L0, 0x2000n, 0x5004n)))).toEqual(['0 UNMAP 0x2000 0x5000 0']);
  expect(namesOf(send(heard, put(L0, 0n, 3n)))).toEqual(['iommu-notify', 'spapr_iommu_put', 'hcall-return']);
  expect(told(send(heard, put(L0, 0x4000_0000n, 3n)))).toEqual([]);
});

test('an address in what notifiers hear is relative to the window', () => {
  const heard = running({}, create(16, 20), register());
  expect(told(send(heard, put(L1, DYNAMIC + 0x1_2345n, 0x5_4321n)))).toEqual(['0 MAP 0x10000 0x50000 1']);
});

describe('B-01, replay of a window that has just been made', () => {
  test('fixed: the create skips it', () => {
    const stepped = send(running({}, register(), create(16, 47)), step());
    expect(costs(stepped)).toEqual([]);
    expect(namesOf(stepped)).toEqual(['spapr_iommu_ddw_create', 'rtas-return']);
  });

  test('unfixed: the create walks all of its 2^31 entries before it answers', () => {
    const config = configured({ replayPolicy: 'always' });
    const stepped = send(running({ config }, register(), create(16, 47)), step());
    expect(costs(stepped)).toEqual(['replay 2147483648']);
    expect(namesOf(stepped)).toEqual(['cost', 'spapr_iommu_ddw_create', 'rtas-return']);
  });

  test('without a notifier there is none, and the create answers at once', () => {
    const config = configured({ replayPolicy: 'always' });
    expect(costs(send(running({ config }), create(16, 47)))).toEqual([]);
  });

  test('with a notifier, a create that is refused answers at once too', () => {
    const heard = running({}, register());
    for (const call of [create(13, 20), create(16, 48)]) {
      const refused = send(heard, call);
      expect(refused.qemu.value).toBe('running');
      expect(namesOf(refused)).toContain('rtas-return');
    }
  });
});

test('a default window that is made anew is replayed, empty as it is', () => {
  const heard = running({}, register());
  expect(costs(send(heard, reset()))).toEqual(['replay 262144']);
  expect(costs(send(heard, systemReset))).toEqual(['replay 262144']);
  expect(costs(send(after(heard, create(16, 20), step(), remove(L0)), remove(L1)))).toEqual([
    'replay 262144',
  ]);
  expect(told(send(heard, reset()))).toEqual([]);
  expect(enabled(send(heard, reset()).qemu, L0).needVfio).toBe(true);
});

test('a window that goes needs no notifier, the next one in its slot does', () => {
  const heard = running({}, register(), create(16, 20), step());
  expect(table(after(heard, remove(L1)), L1).needVfio).toBe(false);
  expect(table(after(heard, remove(L1), create(16, 20), step()), L1).needVfio).toBe(true);
});

test('loading a stream replays windows that it makes, and tells nothing of the entries it copies', () => {
  const source = running({}, create(16, 20), put(L1, DYNAMIC, 3n));
  const { stream } = monitorAnswer(send(source, migrate));
  const loaded = send(running({}, register()), migrateIncoming(stream!));
  expect(costs(loaded)).toEqual(['replay 16']);
  expect(told(loaded)).toEqual([]);
});
