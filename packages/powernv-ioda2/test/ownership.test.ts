import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  IOMMU_TABLE_LIFE,
  iommuTableModeOf,
  OWNERSHIP_LIFE,
  ownershipOf,
  type PowernvReceived,
  type PowernvState,
  TVE_LIFE,
  tableGroupFacts,
} from '../src/index.ts';
import {
  after,
  baseOf,
  bind,
  call,
  claim,
  codeOf,
  create,
  createdIn,
  D0,
  D1,
  E0,
  errnoOf,
  fail,
  groupAnswer,
  type Host,
  MASK64,
  map,
  put,
  release,
  send,
  set,
  started,
  table,
  unbind,
  unset,
  windowed,
} from './machine.ts';

const group = (host: Host, id = 0) => host.context.groups.find((each) => each.group === id)!;
const tves = (host: Host, id = 0) => host.context.pes.find((each) => each.group === id)!.tves;
const GIB = 1n << 30n;

describe('who may own a group', () => {
  test.each`
    case                                    | before                  | code
    ${'nobody owns it'}                     | ${[]}                   | ${'ok'}
    ${'VFIO owns it'}                       | ${[claim()]}            | ${'EPERM'}
    ${'a driver is bound'}                  | ${[bind()]}             | ${'EPERM'}
    ${'one is bound to its other function'} | ${[bind(MASK64, D1)]}   | ${'EPERM'}
    ${'one is bound to another group'}      | ${[bind(MASK64, E0)]}   | ${'ok'}
    ${'the driver was unbound'}             | ${[bind(), unbind()]}   | ${'ok'}
    ${'VFIO gave it back'}                  | ${[claim(), release()]} | ${'ok'}
  `('a claim where $case → $code', ({ before, code }) => {
    const host = started({}, ...(before as PowernvReceived[]));
    const stepped = send(host, claim());
    expect(codeOf(stepped)).toBe(code);
    if (code !== 'ok') expect(stepped.host.context).toEqual(host.context);
    expect(codeOf(send(host, call('take_ownership', { group: 0 })))).toBe(code);
    expect(tableGroupFacts(host.context, 0)!.claimed).toBe(code !== 'ok');
  });

  test('a claim of no group → ENODEV, a release of one that VFIO has not → EINVAL', () => {
    expect(codeOf(send(started(), claim(9)))).toBe('ENODEV');
    expect(codeOf(send(started(), release()))).toBe('EINVAL');
    expect(codeOf(send(started({ linux: 'linux-6.1' }), call('release_ownership', { group: 0 })))).toBe(
      'EINVAL',
    );
  });

  test.each`
    case                     | before                  | device  | errno
    ${'the platform has it'} | ${[]}                   | ${D0}   | ${'ok'}
    ${'VFIO has it'}         | ${[claim()]}            | ${D0}   | ${'EBUSY'}
    ${'VFIO has its group'}  | ${[claim()]}            | ${D1}   | ${'EBUSY'}
    ${'VFIO gave it back'}   | ${[claim(), release()]} | ${D0}   | ${'ok'}
    ${'it has one'}          | ${[bind()]}             | ${D0}   | ${'EBUSY'}
    ${'it is not there'}     | ${[]}                   | ${'no'} | ${'ENODEV'}
  `('binding a driver where $case → $errno', ({ before, device, errno }) => {
    const host = started({}, ...(before as PowernvReceived[]));
    const stepped = send(host, bind(0xffff_ffffn, device));
    expect(errnoOf(stepped)).toBe(errno);
    if (errno !== 'ok') expect(stepped.host.context).toEqual(host.context);
  });

  test('what a group is', () => {
    expect(groupAnswer(send(started(), call('table_group_read', { group: 0 })))).toMatchObject({
      facts: {
        dma32Start: 0n,
        dma32Size: 0x8000_0000n,
        pgsizes: 0x4021_1000n,
        maxDynamicWindows: 2,
        maxLevels: 5,
        claimed: false,
        tables: [{ table: 1, size: 0x10000 }, null],
      },
    });
    expect(tableGroupFacts(started({ generation: 'PHB3' }).context, 0)!.pgsizes).toBe(0x1101_1000n);
    expect(groupAnswer(send(started(), call('table_group_read', { group: 7 })))).toMatchObject({
      facts: null,
    });
  });
});

describe('the life of a group', () => {
  test('from boot to VFIO and back', () => {
    const boot = started();
    expect(tves(boot)).toEqual([
      { mode: 'TCE', table: 1 },
      { mode: 'BYPASS', size: 4n * GIB },
    ]);
    const taken = after(boot, claim());
    expect([tves(taken), group(taken).tables, baseOf(taken), baseOf(taken, D1)]).toEqual([
      [{ mode: 'DISABLED' }, { mode: 'DISABLED' }],
      [null, null],
      null,
      null,
    ]);
    const windowA = windowed(taken, 0, 12, 2n * GIB, 1);
    const windowB = windowed(windowA.host, 1, 16, 1n << 40n, 2);
    expect(tves(windowB.host)).toEqual([
      { mode: 'TCE', table: windowA.table },
      { mode: 'TCE', table: windowB.table },
    ]);
    expect(baseOf(windowB.host)).toBeNull();
    const back = after(windowB.host, unset(0), unset(1), release());
    // Both of VFIO's tables are alive still: VFIO frees them when the group is the host's again.
    const shown = (t: number) => [table(back, t).kref, table(back, t).groups];
    expect(shown(windowA.table)).toEqual([1, []]);
    expect(shown(windowB.table)).toEqual([1, []]);
    expect(shown(group(back).tables[0]!)).toEqual([2, [0]]);
    expect([baseOf(back), baseOf(back, D1)]).toEqual([group(back).tables[0], group(back).tables[0]]);
    expect(after(back, put(windowA.table), put(windowB.table)).context.tables).toHaveLength(2);
  });

  test('a device’s mask decides between bypass and table', () => {
    const wide = send(started({}, bind(MASK64)), map(0x1234_5000n));
    expect(errnoOf(wide)).toBe('ok');
    expect(wide.sent.at(-1)).toMatchObject({ result: { address: (1n << 59n) + 0x1234_5000n } });
    const narrow = send(started({}, bind()), map(0x1234_5678n, 0x100n));
    expect(narrow.sent.at(-1)).toMatchObject({ result: { address: 0x1_5678n } });
    const without = started({ config: { nobypass: true } }, bind(MASK64));
    expect(tves(without)[1].mode).toBe('DISABLED');
    expect(send(without, map(0x1234_5678n)).sent.at(-1)).toMatchObject({ result: { address: 0x1_5678n } });
  });

  test('without a table after the return, the host’s drivers are refused cleanly (B-11)', () => {
    const bare = after(started(), claim(), fail('create_table'), fail('create_table'), release());
    expect(ownershipOf(bare.context, 0)).toBe('PLATFORM without window');
    expect([baseOf(bare), tves(bare)[1].mode]).toEqual([null, 'DISABLED']);
    for (const mask of [0xffff_ffffn, MASK64]) {
      const binding = send(bare, bind(mask));
      expect(errnoOf(binding)).toBe('EIO');
      expect(binding.host.context).toEqual(bare.context);
    }
    const mapping = send(bare, map(0x1000n));
    expect(errnoOf(mapping)).toBe('ENOMEM');
    expect(mapping.host.context).toEqual(bare.context);
    // The next claim and release mend it.
    expect(ownershipOf(after(bare, claim(), release()).context, 0)).toBe('PLATFORM');
  });

  test('the second device of a group makes up for a table that the first could not have', () => {
    const host = after(started(), claim(), fail('create_table'), release());
    expect(ownershipOf(host.context, 0)).toBe('PLATFORM');
  });

  test('where the firmware refuses the host’s window, the bypass is there all the same', () => {
    const refused = fail('opal_pci_map_pe_dma_window');
    const host = after(started(), claim(), refused, refused, release());
    expect([baseOf(host), tves(host).map(({ mode }) => mode)]).toEqual([null, ['DISABLED', 'BYPASS']]);
    expect(host.context.tables.filter(({ groups }) => groups.includes(0))).toEqual([]);
  });
});

describe('what the firmware refuses', () => {
  const owned = (unsetFailure: 'unfixed' | 'fixed') =>
    windowed(started({ switches: { unsetFailure } }, claim()), 0, 12, 2n * GIB, 1);

  test('a window that cannot be set is not linked', () => {
    const { host } = owned('unfixed');
    const made = send(host, create(1, 16, GIB, 1));
    const { table: t } = createdIn(made);
    const refused = send(after(made.host, fail('opal_pci_map_pe_dma_window', 'OPAL_PARAMETER')), set(1, t));
    expect(codeOf(refused)).toBe('OPAL_PARAMETER');
    expect(refused.host.context).toEqual(made.host.context);
  });

  test('B-50 unfixed: a window that stays walks a table that is freed', () => {
    const { host, table: t } = owned('unfixed');
    const stepped = send(after(host, fail('opal_pci_map_pe_dma_window')), unset(0));
    expect(codeOf(stepped)).toBe('OPAL_HARDWARE');
    expect(group(stepped.host).tables).toEqual([null, null]);
    const freed = after(stepped.host, put(t));
    expect(tves(freed)[0]).toEqual({ mode: 'TCE', table: t });
    expect(table(freed, t).mode).toBe('freed');
    // Its identity goes to nobody until the window is programmed again.
    expect(createdIn(send(freed, create(0, 12, 2n * GIB, 1))).table).not.toBe(t);
    const again = windowed(freed, 0, 12, 2n * GIB, 1);
    expect(again.host.context.tables.some((each) => each.table === t)).toBe(false);
  });

  test('B-50 fixed: window, table and reference stay', () => {
    const { host, table: t } = owned('fixed');
    const stepped = send(after(host, fail('opal_pci_map_pe_dma_window')), unset(0));
    expect(codeOf(stepped)).toBe('OPAL_HARDWARE');
    expect(stepped.host.context).toEqual(host.context);
    expect(table(after(stepped.host, put(t)), t)).toMatchObject({ mode: 'live', kref: 1 });
  });

  test.each`
    what              | switches                           | failing                              | code     | mode
    ${'B-50 unfixed'} | ${{ unsetFailure: 'unfixed' }}     | ${'opal_pci_map_pe_dma_window'}      | ${'ok'}  | ${['TCE', 'DISABLED']}
    ${'B-50 fixed'}   | ${{ unsetFailure: 'fixed' }}       | ${'opal_pci_map_pe_dma_window'}      | ${'EIO'} | ${['TCE', 'BYPASS']}
    ${'B-51 unfixed'} | ${{ bypassOffFailure: 'unfixed' }} | ${'opal_pci_map_pe_dma_window_real'} | ${'ok'}  | ${['DISABLED', 'BYPASS']}
    ${'B-51 fixed'}   | ${{ bypassOffFailure: 'fixed' }}   | ${'opal_pci_map_pe_dma_window_real'} | ${'EIO'} | ${['TCE', 'BYPASS']}
  `('a claim with $what → $code', ({ switches, failing, code, mode }) => {
    const before = started({ switches });
    const stepped = send(after(before, fail(failing)), claim());
    expect(codeOf(stepped)).toBe(code);
    expect(tves(stepped.host).map((tve) => tve.mode)).toEqual(mode);
    if (code === 'EIO') expect(stepped.host.context).toEqual(before.context);
    else expect(group(stepped.host).owner).toBe('vfio');
  });
});

/** Any call at all, of a host that may fail, over two groups. */
const anyCall = fc.oneof(
  ...[0, 1].flatMap((id) => [
    fc.constant(claim(id)),
    fc.constant(release(id)),
    fc.constant(unset(0, id)),
    fc.constant(unset(1, id)),
    fc.tuple(fc.constantFrom<0 | 1>(0, 1), fc.integer({ min: 1, max: 5 })).map(([num, t]) => set(num, t, id)),
  ]),
  fc.constant(create(0, 12, GIB, 1)),
  fc.constant(create(1, 16, GIB, 2)),
  fc.integer({ min: 1, max: 5 }).map(put),
  fc.constantFrom(bind(), unbind(), bind(MASK64, E0), unbind(E0)),
  fc.constant(fail('create_table')),
);

/** Calls as VFIO makes them: it sets windows of groups it owns, with its own tables, in slots that are empty. */
function isProper(powernv: PowernvState, message: PowernvReceived): boolean {
  const at = 'group' in message ? powernv.groups.find((each) => each.group === message.group) : undefined;
  if (message.type === 'set_window') {
    const found = powernv.tables.find((each) => each.table === message.table);
    return (
      at?.owner === 'vfio' &&
      at.tables[message.num] === null &&
      found?.map === null &&
      (found.offset === 0n) === (message.num === 0)
    );
  }
  if (message.type === 'unset_window') return at?.owner === 'vfio' && at.tables[message.num] !== null;
  if (message.type === 'iommu_group_release_dma_owner')
    return at?.tables.every((each) => each === null) ?? false;
  if (message.type !== 'iommu_tce_table_put') return true;
  const found = powernv.tables.find((each) => each.table === message.table);
  return found?.map === null && found.kref > found.groups.length;
}

test('whatever VFIO does, the life cycles hold, and each of their edges is met', () => {
  const edges = new Set<string>();
  const note = (life: string, from: string, to: string) => edges.add(`${life}: ${from} → ${to}`);
  fc.assert(
    fc.property(fc.array(anyCall, { minLength: 10, maxLength: 40 }), (messages) => {
      let host = started();
      for (const message of messages) {
        const { context: was } = host;
        if (!isProper(was, message)) continue;
        host = after(host, message);
        const { context: is } = host;
        for (const id of [0, 1]) note('group', ownershipOf(was, id), ownershipOf(is, id));
        for (const before of was.tables) {
          const now = is.tables.find((each) => each.table === before.table);
          note('table', iommuTableModeOf(before), now === undefined ? 'freed' : iommuTableModeOf(now));
        }
        was.pes.forEach(({ tves: before }, at) => {
          for (const num of [0, 1]) note('tve', before[num]!.mode, is.pes[at]!.tves[num]!.mode);
        });
        // What the platform is supposed to keep.
        expect(is.accidents).toEqual(was.accidents);
        for (const { group: id, owner, tables, devices } of is.groups) {
          const pe = is.pes.find((each) => each.group === id)!;
          for (const num of [0, 1] as const) {
            const tve = pe.tves[num];
            expect(tve.mode === 'TCE' ? tve.table : null).toBe(tables[num]);
            const linked = is.tables.filter((each) => each.table === tables[num]);
            if (tables[num] !== null) expect(linked[0]!.groups).toContain(id);
          }
          const base = owner === 'vfio' ? null : tables[0];
          for (const name of devices) expect(baseOf(host, name)).toBe(base);
          if (owner === 'vfio') expect(pe.bypassEnabled).toBe(false);
        }
        expect(is.tables.every(({ mode, kref, groups }) => mode === 'live' && kref >= groups.length)).toBe(
          true,
        );
      }
    }),
    { numRuns: 400, seed: 1 },
  );
  const lives = { group: OWNERSHIP_LIFE, table: IOMMU_TABLE_LIFE, tve: TVE_LIFE };
  const told = Object.entries(lives).flatMap(([name, life]) =>
    Object.entries(life).flatMap(([from, events]) =>
      [from, ...Object.values(events as Record<string, string>)].map((to) => `${name}: ${from} → ${to}`),
    ),
  );
  // A claim frees the table of the host, a release of the first device links one: two edges in one step.
  const joined = ['table: linked → freed', 'tve: TCE → TCE'];
  expect([...edges].filter((edge) => !told.includes(edge) && !joined.includes(edge)).sort()).toEqual([]);
  expect(told.filter((edge) => !edges.has(edge) && !edge.startsWith('table: freed')).sort()).toEqual([]);
});
