import { bytes, hostPageShift, ioba, levelCount, tceIndex } from '@spapr-dma/protocol';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { canonicalVfioHost } from '../src/canonical.ts';
import { type VfioHostSwitches, vfioHostConfigOf } from '../src/config.ts';
import {
  CONTAINER_LIFE,
  containerMode,
  DEFAULT_WINDOW_LIFE,
  defaultWindowMode,
  GROUP_LIFE,
  groupMode,
  MM_LIFE,
  REGION_LIFE,
  regionMode,
} from '../src/life-cycles.ts';
import { FakePowernv } from './fake-powernv.ts';
import { buffer, Rig } from './rig.ts';

// Each entry is a round of messages here.
vi.setConfig({ testTimeout: 180_000 });

const MB = 0x10_0000n;
const MEMORY = buffer(4n * MB, { pageShift: 12 });
const DEVICE = '0001:01:00.0';
const LINUX = ['linux-6.12', 'linux-6.1', 'linux-4.18', 'linux-4.2'] as const;

/** Most calls are on the container and the group that a run begins with. */
const CONTAINER_FD = fc.constantFrom(3, 3, 3, 3, 5);
const GROUP_FD = fc.constantFrom(4, 4, 4, 5, 6);

/** What a program may do, each with small numbers so that calls meet. */
const operations = fc.array(
  fc.oneof(
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('open' as const), path: fc.constantFrom('vfio', '1', '2') }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('close' as const), fd: fc.integer({ min: 3, max: 8 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('join' as const),
        group: GROUP_FD,
        container: CONTAINER_FD,
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), group: GROUP_FD }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('setIommu' as const),
        container: CONTAINER_FD,
        type: fc.constantFrom(7, 7, 2),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('device' as const), group: GROUP_FD }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom('register' as const, 'unregister' as const),
        at: fc.constantFrom(0n, 4n, 5n),
        pages: fc.constantFrom(1n, 4n),
        container: CONTAINER_FD,
      }),
    },
    {
      weight: 12,
      arbitrary: fc.record({
        do: fc.constantFrom('map' as const, 'unmap' as const),
        window: fc.constantFrom(0n, 0n, 1n),
        at: fc.bigInt(0n, 0x60n),
        ua: fc.bigInt(0n, 0x50n),
        pages: fc.bigInt(0n, 0x20n),
        container: CONTAINER_FD,
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('create' as const),
        shift: fc.constantFrom(12, 16),
        levels: fc.constantFrom(1, 2, 9),
        container: CONTAINER_FD,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('remove' as const),
        window: fc.bigInt(0n, 1n),
        container: CONTAINER_FD,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('enable' as const),
        on: fc.boolean(),
        container: CONTAINER_FD,
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('vfio-pci' as const), bound: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('exit' as const) }) },
  ),
  { minLength: 10, maxLength: 40, size: 'max' },
);
type Operation = typeof operations extends fc.Arbitrary<readonly (infer One)[]> ? One : never;

function working(rig: Rig): void {
  rig.attach().register(0n, 0x40000n);
  rig.register(0x40000n, 0x10000n);
}

/** Calls begin with a container that works, so that most of them get somewhere. */
function started(
  entriesAtOnce: number,
  linux: (typeof LINUX)[number],
  switches: Partial<VfioHostSwitches> = {},
  coarseFrom = tceIndex(Number.MAX_SAFE_INTEGER),
): Rig {
  const config = { ...vfioHostConfigOf(linux), hostPageShift: hostPageShift(12), entriesAtOnce, coarseFrom };
  const powernv = new FakePowernv([1, 2], { dma32Size: bytes(1n << 21n) }, 12);
  const rig = new Rig({
    config,
    switches,
    powernv,
    input: { processes: [{ process: 'qemu', vmas: [MEMORY] }] },
  });
  working(rig);
  return rig;
}

function perform(rig: Rig, operation: Operation): unknown {
  const pages = (count: bigint) => count * 0x1000n;
  const on = 'container' in operation ? { containerFd: operation.container } : {};
  switch (operation.do) {
    case 'open':
      return rig.open(`/dev/vfio/${operation.path}`);
    case 'close':
      return rig.close(operation.fd);
    case 'join':
      return rig.call('VFIO_GROUP_SET_CONTAINER', { groupFd: operation.group, ...on });
    case 'leave':
      return rig.call('VFIO_GROUP_UNSET_CONTAINER', { groupFd: operation.group });
    case 'setIommu':
      return rig.setIommu(operation.type, on);
    case 'device':
      return rig.call('VFIO_GROUP_GET_DEVICE_FD', { groupFd: operation.group, device: DEVICE });
    case 'register':
      return rig.register(operation.at * 0x10000n, operation.pages * 0x10000n, on);
    case 'unregister':
      return rig.unregister(operation.at * 0x10000n, operation.pages * 0x10000n, on);
    case 'map':
      return rig.map(
        (operation.window << 59n) + pages(operation.at),
        pages(operation.ua),
        pages(operation.pages),
        on,
      );
    case 'unmap':
      return rig.unmap((operation.window << 59n) + pages(operation.at), pages(operation.pages), on);
    case 'create':
      return rig.create(operation.shift, 1n << 21n, levelCount(operation.levels), on);
    case 'remove':
      return rig.remove(ioba(operation.window << 59n), on);
    case 'enable':
      return rig.call(operation.on ? 'VFIO_IOMMU_ENABLE' : 'VFIO_IOMMU_DISABLE', on);
    case 'vfio-pci': {
      const type = operation.bound ? 'bind-vfio-pci' : 'unbind-vfio-pci';
      return rig.event(type, { device: DEVICE, group: 1 })?.type;
    }
    case 'exit':
      rig.exit();
      // Another process takes its place.
      rig.deliver(rig.message('map-memory', { vma: MEMORY }));
      working(rig);
      return 'gone';
  }
}

test.each(LINUX)('%s: one entry at a time and all at once come to the same', (linux) => {
  let maps = 0;
  fc.assert(
    fc.property(operations, (all) => {
      const one = started(1, linux);
      const many = started(Number.MAX_SAFE_INTEGER, linux);
      const few = started(3, linux);
      const coarse = started(1, linux, {}, tceIndex(2));
      for (const operation of all) {
        const result = perform(many, operation);
        if (operation.do === 'map' && operation.pages > 0n && result === 0) maps += 1;
        expect(perform(one, operation)).toEqual(result);
        expect(perform(few, operation)).toEqual(result);
        expect(perform(coarse, operation)).toEqual(result);
      }
      for (const rig of [one, few, coarse]) {
        expect(canonicalVfioHost(rig.host)).toEqual(canonicalVfioHost(many.host));
        expect(rig.powernv.contents()).toEqual(many.powernv.contents());
      }
    }),
    { numRuns: 12 },
  );
  expect(maps).toBeGreaterThan(0);
});

/** Charges of all that a process has: what S-11 sums. */
function charges(rig: Rig, mm: number): number {
  const regions = rig.host.mms
    .find((each) => each.mm === mm)!
    .regions.reduce((sum, { entries }) => sum + entries, 0);
  return rig.host.containers.reduce((sum, { iommu }) => {
    if (iommu === null || iommu.mm !== mm) return sum;
    const windows = iommu.windows.reduce((pages, window) => pages + (window?.chargedPages ?? 0), 0);
    return sum + windows + iommu.lockedPages;
  }, regions);
}

test('what is charged is what there is, and each region counts the entries that point into it', () => {
  fc.assert(
    fc.property(operations, (all) => {
      const rig = started(Number.MAX_SAFE_INTEGER, 'linux-6.12', {
        createRefund: 'fixed',
        rangeCheck: 'full',
      });
      for (const operation of all) {
        perform(rig, operation);
        for (const { mm, lockedPages, regions, pinnedPages } of rig.host.mms) {
          expect(lockedPages).toBe(charges(rig, mm));
          const v1 = rig.host.containers.some(({ iommu }) => iommu?.version === 'v1');
          if (!v1) expect(pinnedPages).toBe(0);
          if (v1 || rig.host.mms.length > 1) continue;
          for (const { ua, entries, mapped } of regions) {
            expect(mapped - 1).toBe(rig.powernv.mappedIn(ua, BigInt(entries) * 0x1000n));
          }
        }
      }
    }),
    { numRuns: 60 },
  );
});

type Life = Readonly<Record<string, Readonly<Record<string, string>>>>;
/** Whether a table leads from one condition to another. */
const leads = (life: Life, from: string, to: string): boolean => Object.values(life[from] ?? {}).includes(to);

/** Whatever came before, the container begins anew in the end. */
const ANEW: readonly Operation[] = [
  { do: 'leave', group: 4 },
  { do: 'join', group: 4, container: 3 },
  { do: 'setIommu', container: 3, type: 7 },
  { do: 'register', at: 0n, pages: 4n, container: 3 },
  { do: 'leave', group: 4 },
];

/** The condition of everything there is, by what it is. */
function conditions({ host }: Rig): ReadonlyMap<string, readonly [Life, string]> {
  const all = new Map<string, readonly [Life, string]>();
  for (const group of host.groups) all.set(`group ${group.group}`, [GROUP_LIFE, groupMode(host, group)]);
  for (const container of host.containers) {
    all.set(`container ${container.container}`, [CONTAINER_LIFE, containerMode(container)]);
    all.set(`default window ${container.container}`, [DEFAULT_WINDOW_LIFE, defaultWindowMode(container)]);
  }
  for (const mm of host.mms) {
    all.set(`mm ${mm.mm}`, [MM_LIFE, mm.mode]);
    for (const region of mm.regions) {
      all.set(`region ${mm.mm}.${region.region}`, [REGION_LIFE, regionMode(host, mm, region)]);
    }
  }
  return all;
}

test('objects go from one condition to another only as their tables say', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(operations, (all) => {
      const rig = started(Number.MAX_SAFE_INTEGER, 'linux-6.12');
      for (const operation of [...all, ...ANEW]) {
        const before = conditions(rig);
        perform(rig, operation);
        // What ends with a process, or is made in the place of another, has no edge of its own.
        if (operation.do === 'exit') continue;
        const now = conditions(rig);
        for (const [name, [life, from]] of before) {
          const to = now.get(name)?.[1] ?? (name.startsWith('region') ? 'freeing' : 'gone');
          if (from === to || name.startsWith('default window')) continue;
          seen.add(`${name.split(' ')[0]} ${from} ${to}`);
          expect(leads(life, from, to), `${name}: ${from} → ${to} by ${operation.do}`).toBe(true);
        }
      }
    }),
    { numRuns: 100, seed: 6412 },
  );
  for (const edge of [
    'container grouped attached',
    'container enabled empty',
    'region registered mapped',
    'region mapped orphaned',
    'region registered freeing',
    'group contained open',
    'group open revoked',
  ]) {
    expect(seen).toContain(edge);
  }
});
