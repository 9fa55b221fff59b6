import { describe, expect, test } from 'vitest';
import type { PowernvSwitches } from '../src/index.ts';
import {
  after,
  baseOf,
  bind,
  call,
  claim,
  D0,
  D1,
  dma,
  errnoOf,
  functionsOf,
  type Host,
  hostAnswer,
  MASK64,
  map,
  release,
  send,
  started,
  stateOf,
  table,
  unbind,
  unmap,
  went,
} from './machine.ts';

const host = (tableBaseUpdate: PowernvSwitches['tableBaseUpdate']) =>
  started({ switches: { tableBaseUpdate } });
const addressOf = (stepped: ReturnType<typeof send>): bigint => {
  const result = hostAnswer(stepped);
  if (!result.ok) throw new Error(result.errno);
  return result.address!;
};
const liveBase = (at: Host, device = D0): string => {
  const base = baseOf(at, device);
  return base === null ? 'NULL' : table(at, base).mode === 'live' ? 'window 0' : 'freed';
};

describe('the table base of a bus’s devices (B-10)', () => {
  test.each`
    tableBaseUpdate     | owned      | returned      | maps
    ${'none'}           | ${'freed'} | ${'freed'}    | ${'to a freed table'}
    ${'releaseOnly'}    | ${'freed'} | ${'window 0'} | ${'well'}
    ${'takeAndRelease'} | ${'NULL'}  | ${'window 0'} | ${'well'}
  `('$tableBaseUpdate: $owned while VFIO owns, $returned after, and a 32-bit driver maps $maps', (row) => {
    const owned = after(host(row.tableBaseUpdate), claim());
    expect([liveBase(owned), liveBase(owned, D1)]).toEqual([row.owned, row.owned]);
    const returned = after(owned, release());
    expect([liveBase(returned), liveBase(returned, D1)]).toEqual([row.returned, row.returned]);

    const bound = after(returned, bind());
    const mapping = send(bound, map(0x500_0000n, 0x20n));
    const address = addressOf(mapping);
    const isFreed = row.maps === 'to a freed table';
    expect(hostAnswer(mapping)).toEqual({
      ok: true,
      address,
      ...(isFreed ? { freedTable: baseOf(returned) } : {}),
    });
    expect(mapping.host.context.accidents.useAfterFree).toBe(isFreed);
    // The hardware looks at the new table, which has no such entry.
    expect(went(mapping.host, dma(address, 16, 'write'))).toEqual([
      isFreed ? 'frozen: no translation' : 'table 0x5000000',
    ]);
    // Nothing crashes, and the mapping can be taken away.
    expect(errnoOf(send(mapping.host, unmap(address, 0x20n)))).toBe('ok');
    expect(send(mapping.host, unmap(address, 0x20n)).host.context.accidents.useAfterFree).toBe(isFreed);
  });

  test('a 64-bit driver goes by the bypass window and never notices', () => {
    const bound = after(host('none'), claim(), release(), bind(MASK64));
    const mapping = send(bound, map(0x500_0000n));
    expect(bound.context.accidents.useAfterFree).toBe(false);
    expect(went(mapping.host, dma(addressOf(mapping)))).toEqual(['bypass 0x5000000']);
    expect(mapping.host.context.accidents.useAfterFree).toBe(false);
  });

  test('the freed table keeps its identity as long as a base names it, and no longer', () => {
    const freed = after(host('none'), claim());
    const old = baseOf(freed)!;
    const returned = after(freed, release());
    expect(returned.context.groups[0]!.tables[0]).not.toBe(old);
    expect(table(returned, old).mode).toBe('freed');
    const without = after(
      returned,
      call('remove-device', { device: D0 }),
      call('remove-device', { device: D1 }),
      call('rescan', { phb: 1 }),
    );
    expect(without.context).toEqual(host('none').context);
  });

  test.each`
    tableBaseUpdate     | answer      | accident
    ${'none'}           | ${'ok'}     | ${true}
    ${'takeAndRelease'} | ${'ENOMEM'} | ${false}
  `(
    '$tableBaseUpdate: use by the host while VFIO owns → $answer',
    ({ tableBaseUpdate, answer, accident }) => {
      const owned = after(host(tableBaseUpdate), claim());
      const mapping = send(owned, map(0x500_0000n));
      expect(errnoOf(mapping)).toBe(answer);
      expect(mapping.host.context.accidents).toMatchObject({
        hostDmaWhileOwned: accident,
        useAfterFree: accident,
      });
      if (!accident) expect(stateOf(mapping.host)).toEqual(stateOf(owned));
    },
  );
});

describe('a PE that is one function', () => {
  const VF = '0001:01:10.0';
  const vfs = (count: number) => call('sriov_numvfs', { device: D0, count });
  const withVfs = (switches: Partial<PowernvSwitches> = {}) =>
    after(started({ switches }), bind(MASK64), vfs(2));

  test('each virtual function has a PE, a group and a window of its own', () => {
    const made = withVfs();
    expect(made.context.pes.map(({ phb, pe, scope, group }) => [phb, pe, scope.mode, group])).toEqual([
      [1, 251, 'device', 3],
      [1, 252, 'device', 2],
      [1, 253, 'bus', 0],
      [2, 253, 'bus', 1],
    ]);
    expect(made.context.groups[2]!.devices).toEqual([VF]);
    expect(baseOf(made, VF)).toBe(made.context.groups[2]!.tables[0]);
    expect(after(made, vfs(0)).context).toEqual(after(started(), bind(MASK64)).context);
  });

  test.each`
    case                         | before                              | count | errno
    ${'some'}                    | ${[bind(MASK64)]}                   | ${4}  | ${'ok'}
    ${'more than it can make'}   | ${[bind(MASK64)]}                   | ${5}  | ${'EINVAL'}
    ${'without a driver'}        | ${[]}                               | ${1}  | ${'ENOENT'}
    ${'again'}                   | ${[bind(MASK64), vfs(1)]}           | ${2}  | ${'EBUSY'}
    ${'none'}                    | ${[bind(MASK64), vfs(1)]}           | ${0}  | ${'ok'}
    ${'none while VFIO has one'} | ${[bind(MASK64), vfs(1), claim(2)]} | ${0}  | ${'EBUSY'}
  `('sriov_numvfs $count: $case → $errno', ({ before, count, errno }) => {
    const at = after(started(), ...before);
    const stepped = send(at, vfs(count));
    expect(errnoOf(stepped)).toBe(errno);
    if (errno !== 'ok') expect(stepped.host.context).toEqual(at.context);
  });

  test.each`
    tableBaseUpdate     | owned      | returned
    ${'none'}           | ${'freed'} | ${'window 0'}
    ${'takeAndRelease'} | ${'NULL'}  | ${'window 0'}
  `('$tableBaseUpdate: its base is $owned while VFIO owns, and set by the default configuration', (row) => {
    const owned = after(withVfs({ tableBaseUpdate: row.tableBaseUpdate }), claim(2));
    expect(liveBase(owned, VF)).toBe(row.owned);
    expect(liveBase(after(owned, release(2)), VF)).toBe(row.returned);
  });

  test('its DMA is its own: VFIO’s windows of one are not seen by another', () => {
    const owned = after(withVfs(), claim(2));
    expect(went(owned, dma(0x1000n, 4, 'read', VF))).toEqual(['frozen: no window there']);
    expect(went(owned, dma((1n << 59n) + 0x1000n, 4, 'read', '0001:01:10.1'))).toEqual(['bypass 0x1000']);
  });
});

describe('the map of the host’s DMA API', () => {
  const small = started({ linux: 'linux-5.2', config: { ramBytes: 0x10_0000n as never } }, bind());

  test('small ranges begin at blocks of 16, page 0 is nobody’s', () => {
    const first = send(small, map(0x1000n));
    const second = send(first.host, map(0x2000n, 0x2001n));
    expect([addressOf(first), addressOf(second)]).toEqual([0x1000n, 0x1_0000n]);
  });

  test('what is taken away can be had again, and what is not there is refused', () => {
    const full = Array.from({ length: 16 }).reduce<Host>((at) => after(at, map(0n)), small);
    const more = send(full, map(0n, 0xf000n));
    expect(errnoOf(more)).toBe('ok');
    expect(errnoOf(send(more.host, map(0n, 0x200_0000n)))).toBe('ENOMEM');
    expect(errnoOf(send(full, unmap(0x4000_0000n)))).toBe('EINVAL');
    const emptied = after(full, unmap(0x1000n));
    expect(table(emptied, baseOf(emptied)!).map!.taken).not.toEqual(table(full, baseOf(full)!).map!.taken);
  });

  test('a mask keeps a device below it', () => {
    const narrow = started({}, bind(0xff_ffffn));
    const all = send(narrow, map(0n, 0xf0_0000n));
    expect(addressOf(all) + 0xf0_0000n).toBeLessThanOrEqual(0x100_0000n);
    expect(errnoOf(send(all.host, map(0n, 0x20_0000n)))).toBe('ENOMEM');
  });

  test('32-bit MMIO is left out', () => {
    const wide = started({ config: { nobypass: true } }, bind(MASK64));
    const low = send(wide, map(0n, 0x7000_0000n));
    const high = send(low.host, map(0n, 0x7000_0000n));
    expect(errnoOf(low)).toBe('ok');
    // 4 GiB less 2 GiB of MMIO has no room for both.
    expect(errnoOf(high)).toBe('ENOMEM');
  });

  test('a table freed with entries that a driver forgot is told', () => {
    const forgotten = after(small, map(0x1000n), unbind());
    const taken = send(forgotten, call('take_ownership', { group: 0 }));
    expect(functionsOf(taken)).toContain('iommu_table_free');
    expect(functionsOf(send(after(small, unbind()), call('take_ownership', { group: 0 })))).not.toContain(
      'iommu_table_free',
    );
  });
});
