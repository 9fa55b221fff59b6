import type { Hpa, Ua } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { REGION_RCU_THREAD } from '../src/calls.ts';
import { vfioHostConfigOf } from '../src/config.ts';
import { regionMode } from '../src/life-cycles.ts';
import { BUF, BUF_HPA, buffer, Rig, type RigOptions } from './rig.ts';

const MB = 0x10_0000n;
const registered = (options: RigOptions = {}): Rig => {
  const rig = new Rig(options).attach();
  expect(rig.register()).toBe(0);
  return rig;
};
const region = (rig: Rig) => rig.regions()[0];
const modes = (rig: Rig) => {
  const mm = rig.host.mms[0]!;
  return mm.regions.map((each) => regionMode(rig.host, mm, each));
};

describe('REGISTER_MEMORY', () => {
  test('pins what is writable, in the host where the process has it', () => {
    const rig = new Rig({
      input: {
        processes: [
          {
            process: 'qemu',
            vmas: [
              buffer(0x20000n),
              buffer(0x20000n, { ua: (BUF + 0x20000n) as Ua, hpa: 0x5000_0000n as Hpa }),
              buffer(0x20000n, { ua: (BUF + 0x40000n) as Ua, hpa: 0x5002_0000n as Hpa }),
            ],
          },
        ],
      },
    }).attach();
    expect(rig.register(0x10000n, 0x40000n)).toBe(0);
    expect(region(rig)).toEqual({
      region: 1,
      ua: BUF + 0x10000n,
      entries: 4,
      used: 1,
      mapped: 1,
      pageShift: 16,
      pieces: [
        { ua: BUF + 0x10000n, bytes: 0x10000n, hpa: BUF_HPA + 0x10000n, pageShift: 16 },
        { ua: BUF + 0x20000n, bytes: 0x30000n, hpa: 0x5000_0000n, pageShift: 16 },
      ],
    });
  });

  test.each`
    pages | switches                        | features              | result
    ${0}  | ${{}}                           | ${{}}                 | ${'EFAULT'}
    ${2}  | ${{}}                           | ${{}}                 | ${2}
    ${2}  | ${{ positiveReturns: 'fixed' }} | ${{}}                 | ${'EFAULT'}
    ${2}  | ${{}}                           | ${{ bulkPin: false }} | ${'EFAULT'}
  `(
    'a hole after $pages pages → $result, and nothing is charged',
    ({ pages, result, switches, features }) => {
      const rig = new Rig({ switches, features }).attach();
      rig.deliver(rig.message('unmap-memory', { ua: BUF + BigInt(pages) * 0x10000n, bytes: 0x10000n }));
      expect(rig.register(0n, 0x40000n)).toBe(result);
      expect(rig.vmlck()).toBe(0);
      expect(rig.regions()).toEqual([]);
      expect(rig.container()!.iommu!.enabled).toBe(false);
    },
  );

  test('memory that may only be read cannot be pinned; rights that come back help', () => {
    const rig = new Rig().attach();
    const range = { ua: BUF + 0x10000n, bytes: 0x10000n };
    rig.deliver(rig.message('protect-memory', { ...range, access: 'read' }));
    expect(rig.register(0n, 0x40000n)).toBe(1);
    rig.deliver(rig.message('protect-memory', { ...range, access: 'read-write' }));
    expect(rig.host.mms[0]!.vmas).toEqual([buffer()]);
    expect(rig.register(0n, 0x40000n)).toBe(0);
  });

  test('0 bytes: EINVAL where that is checked', () => {
    const rig = new Rig({ switches: { registerSizeZero: 'einval' } }).attach();
    expect(rig.register(0n, 0n)).toBe('EINVAL');
  });

  test('the largest page that a region can be mapped with follows from its place and the pages behind it', () => {
    const huge = buffer(0x800_0000n, { pageShift: 24 });
    const rig = new Rig({ input: { processes: [{ process: 'qemu', vmas: [huge] }] } }).attach();
    rig.register(0n, 0x100_0000n);
    rig.register(0x200_0000n, 0x10_0000n);
    rig.register(0x301_0000n, 0x100_0000n);
    expect(rig.regions().map(({ pageShift }) => pageShift)).toEqual([24, 20, 16]);
  });

  test('RLIMIT_MEMLOCK holds for tables and memory together, but not with CAP_IPC_LOCK', () => {
    const rig = new Rig().attach();
    rig.deliver(rig.message('set-memlock', { limit: MB + 0x4_0000n, capIpcLock: false }));
    rig.remove(0n);
    expect(rig.create(16, 1n << 30n, 1)).toBe(0);
    expect(rig.vmlck()).toBe(256);
    expect(rig.register(0n, MB + 0x10000n)).toBe('ENOMEM');
    expect(rig.vmlck()).toBe(256);
    expect(rig.register(0n, MB)).toBe(0);
    expect(rig.create(16, 1n << 30n, 1)).toBe('ENOMEM');
    expect(rig.vmlck()).toBe(1280);
    rig.deliver(rig.message('set-memlock', { limit: MB, capIpcLock: true }));
    expect(rig.create(16, 1n << 30n, 1)).toBe(0);
  });
});

describe('counters', () => {
  test('each TCE counts where it points, whether it is new, replaces one, or goes', () => {
    const rig = registered();
    rig.register(MB, MB);
    const mapped = () => rig.regions().map((each) => each.mapped);
    rig.map(0n, 0n, 0x10000n);
    expect(mapped()).toEqual([17, 1]);
    rig.map(0x8000n, MB, 0x10000n);
    expect(mapped()).toEqual([9, 17]);
    rig.unmap(0x1000n, 0x8000n);
    expect(mapped()).toEqual([2, 16]);
    rig.unmap(0n, 0x8000_0000n);
    expect(mapped()).toEqual([1, 1]);
    expect(rig.powernv.contents()).toMatchObject([{ hardware: [], slots: [] }]);
  });

  test('a region that is mapped is orphaned by its UNREGISTER, which returns 0 (B-22)', () => {
    const rig = registered();
    rig.map(0n, 0n, 0x10000n);
    expect(rig.unregister()).toBe(0);
    expect(region(rig)).toMatchObject({ used: 1, mapped: 17 });
    expect(modes(rig)).toEqual(['orphaned']);
    expect(rig.unregister()).toBe('ENOENT');
    rig.unmap(0n, 0x10000n);
    expect(rig.unregister()).toBe('ENOENT');
    expect(rig.register()).toBe(0);
    expect(region(rig)!.used).toBe(2);
    expect(rig.unregister()).toBe(0);
    rig.exit();
    expect(rig.host.mms).toMatchObject([
      { mode: 'leaked', lockedPages: 16, regions: [{ used: 1, mapped: 1 }] },
    ]);
  });

  test.each`
    how                                  | options
    ${'unregisterBusy ebusy'}            | ${{ switches: { unregisterBusy: 'ebusy' } }}
    ${'without a reference of the call'} | ${{ features: { regionGet: false } }}
  `('$how: UNREGISTER of a mapped region is EBUSY, and it stays the container’s', ({ options }) => {
    const rig = registered(options);
    rig.map(0n, 0n, 0x10000n);
    expect(rig.unregister()).toBe('EBUSY');
    expect(modes(rig)).toEqual(['mapped']);
    rig.unmap(0n, 0x10000n);
    expect(rig.unregister()).toBe(0);
    expect(rig.regions()).toEqual([]);
  });

  test('unregisterGuard none: a mapped region ends, and its TCEs stay (B-09)', () => {
    const rig = registered({ switches: { unregisterGuard: 'none' } });
    rig.map(0n, 0n, 0x10000n);
    expect(rig.unregister()).toBe(0);
    expect(rig.regions()).toEqual([]);
    expect(rig.vmlck()).toBe(8192);
    expect(rig.powernv.mappedIn(BUF, MB)).toBe(16);
  });

  test('a region that ends is unpinned when RCU lets go; until then its number is not used again', () => {
    const rig = registered();
    rig.unregister();
    expect(rig.host.freeing).toEqual([{ mm: 0, region: 1, entries: 16 }]);
    rig.register();
    expect(region(rig)!.region).toBe(2);
    const step = { type: 'step', from: 'environment', to: 'vfio-host', thread: REGION_RCU_THREAD } as const;
    expect(rig.can(step)).toBe(true);
    rig.sent = [];
    rig.deliver(step);
    expect(rig.ran()).toEqual(['mm_iommu_free']);
    expect(rig.host.freeing).toEqual([]);
    expect(rig.can(step)).toBe(false);
    rig.register(MB);
    expect(rig.regions().map((each) => each.region)).toEqual([1, 2]);
  });

  test('an entry whose page is in no region any more counts nowhere', () => {
    const rig = registered({ switches: { unregisterGuard: 'none' } });
    rig.map(0n, 0n, 0x10000n);
    rig.unregister();
    rig.register(0n, 0x20000n);
    expect(rig.unmap(0n, 0x10000n)).toBe(0);
    expect(region(rig)!.mapped).toBe(1);
  });
});

describe('whose regions they are', () => {
  test('two containers of a process share a region and its charge', () => {
    const rig = registered();
    rig.open();
    rig.open('/dev/vfio/2');
    rig.call('VFIO_GROUP_SET_CONTAINER', { groupFd: 6, containerFd: 5 });
    rig.setIommu(7, { containerFd: 5 });
    expect(rig.register(0n, MB, { containerFd: 5 })).toBe(0);
    expect(region(rig)!.used).toBe(2);
    expect(rig.vmlck()).toBe(1024);
    rig.close(6);
    expect(region(rig)!.used).toBe(1);
    rig.close(4);
    expect(rig.regions()).toEqual([]);
    expect(rig.vmlck()).toBe(0);
  });

  test('preregOwner mm: registered twice by one container, kept until the process ends (B-14)', () => {
    const rig = registered({ switches: { preregOwner: 'mm' } });
    expect(rig.register()).toBe(0);
    expect(region(rig)!.used).toBe(2);
    rig.close(4);
    rig.close(3);
    expect(rig.vmlck()).toBe(1024);
    rig.exit();
    expect(rig.host.mms).toEqual([]);
  });

  test('linux-4.2 charges whoever calls, and lets any process call', () => {
    const config = vfioHostConfigOf('linux-4.2');
    const rig = new Rig({ config }).attach();
    expect(rig.vmlck()).toBe(8192);
    expect(rig.register()).toBe(0);
    rig.deliver(rig.message('fork', { child: 'child' }));
    expect(rig.register(MB, MB, { process: 'child' })).toBe(0);
    expect([rig.vmlck(), rig.vmlck('child')]).toEqual([9216, 1024]);
    expect(rig.map(0n, 0n, 0x1000n)).toBe(0);
    expect(rig.unregister()).toBe('EBUSY');
  });

  test('pages of 2 MiB over memory of 64 KiB: EINVAL, and where only the page itself is asked, EPERM (B-39)', () => {
    const over = (switches: RigOptions['switches']) => {
      const rig = new Rig({ switches: switches ?? {} }).attach();
      rig.register(0n, 0x20_0000n);
      rig.remove(0n);
      rig.create(21, 1n << 30n, 1);
      return rig.map(0n, 0n, 0x20_0000n);
    };
    expect(over({})).toBe('EINVAL');
    expect(over({ pageShiftCheck: 'unfixed' })).toBe('EPERM');
  });
});
