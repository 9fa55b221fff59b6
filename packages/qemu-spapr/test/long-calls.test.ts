import { bytes, threadId } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import type { QemuConfig } from '../src/index.ts';
import { besideKvm, startMain } from './kvm-fake.ts';
import {
  create,
  DYNAMIC,
  deviceAdd,
  devicePciDel,
  enabled,
  indirect,
  L0,
  L1,
  migrateIncoming,
  put,
  type Qemu,
  realize,
  remove,
  reset,
  step,
  stuff,
  systemReset,
  table,
  tceIn,
} from './machine.ts';
import { device, drive, FakeHost } from './vfio-host-fake.ts';

const PHB = { driver: 'spapr-pci-host-bridge', index: 0, dmaWinSize: bytes(0x4000n) } as const;
type Switches = Partial<QemuConfig['switches']>;
const configOf = (switches: Switches, caps: Parameters<typeof besideKvm>[0]): QemuConfig => {
  const config = besideKvm(caps);
  return { ...config, switches: { ...config.switches, ...switches } };
};
interface At {
  readonly host: FakeHost;
  readonly qemu: Qemu;
}
/** A running machine with a device passed through, and its host, whose log is empty. */
function passed(switches: Switches = {}, caps: Parameters<typeof besideKvm>[0] = {}): At {
  const host = new FakeHost();
  const fresh = realize({ config: configOf(switches, caps), devices: [PHB, device(1)] });
  const qemu = drive(drive(fresh, startMain, host), systemReset, host);
  host.log.length = 0;
  return { host, qemu };
}
/** Names of what was called and said, in order. */
const names = ({ host }: At): readonly string[] =>
  host.log.map((line) =>
    line
      .split(' ')
      .slice(0, line.startsWith('Q') ? 2 : 1)
      .join(' '),
  );
const calls = (at: At): readonly string[] => names(at).filter((name) => !name.startsWith('Q'));

describe('an entry is written and told of, then the next one', () => {
  const inQemu = { spaprTceVfio: false };
  test('of a list', () => {
    const at = passed({}, inQemu);
    drive(at.qemu, indirect(L0, 0x1000n, [0x5003n, 0x6001n]), at.host);
    expect(names(at)).toEqual([
      'Q vfio_iommu_map_notify',
      'VFIO_IOMMU_MAP_DMA',
      'Q vfio_iommu_map_notify',
      'VFIO_IOMMU_MAP_DMA',
      'Q spapr_iommu_indirect',
      'answer',
    ]);
  });
  test('of a fill: one call an entry', () => {
    const at = passed({}, inQemu);
    const qemu = drive(at.qemu, stuff(L0, 0x1000n, 0n, 3n), at.host);
    expect(calls(at)).toEqual([...Array<string>(3).fill('VFIO_IOMMU_UNMAP_DMA'), 'answer']);
    expect(qemu.value).toBe('running');
  });
  test('and nobody else has the big lock in between', () => {
    const { qemu, host } = passed({}, inQemu);
    let asked = 0;
    let at = qemu;
    host.meanwhile = () => {
      asked++;
    };
    at = drive(at, stuff(L0, 0n, 0n, 4n), host);
    expect(asked).toBe(4);
    expect(at.context.task).toBeNull();
  });

  const second = (host: FakeHost) => {
    let maps = 0;
    host.refuse = ({ type }) => (type === 'VFIO_IOMMU_MAP_DMA' && ++maps === 2 ? 'ENOMEM' : undefined);
  };
  test.each`
    propagateMapError | answer          | third      | line
    ${'no'}           | ${'H_SUCCESS'}  | ${0x7003n} | ${'iobaN=2 tceN=0x7003 ret=0'}
    ${'yes'}          | ${'H_HARDWARE'} | ${0n}      | ${'iobaN=0 tceN=0x6003 ret=-1'}
  `(
    'B-24, propagateMapError $propagateMapError: a mapping that fails → $answer',
    ({ propagateMapError, answer, third, line }) => {
      const at = passed({ propagateMapError }, inQemu);
      second(at.host);
      const qemu = drive(at.qemu, indirect(L0, 0n, [0x5003n, 0x6003n, 0x7003n]), at.host);
      expect(at.host.log.at(-1)).toBe(`answer H_PUT_TCE_INDIRECT ${answer}`);
      expect(at.host.log.at(-2)).toContain(line);
      expect([0n, 0x1000n, 0x2000n].map((ioba) => tceIn(qemu, L0, ioba))).toEqual([0x5003n, 0x6003n, third]);
    },
  );
  test.each`
    call                          | line
    ${put(L0, 0n, 0x5003n)}       | ${'ret=-1'}
    ${stuff(L0, 0n, 0x5003n, 3n)} | ${'ioba=0x0'}
  `('and so for $call.type', ({ call, line }) => {
    const at = passed({ propagateMapError: 'yes' }, inQemu);
    at.host.refuse = ({ type }) => (type === 'VFIO_IOMMU_MAP_DMA' ? 'ENOMEM' : undefined);
    drive(at.qemu, call, at.host);
    expect(at.host.log.at(-1)).toBe(`answer ${call.type} H_HARDWARE`);
    expect(at.host.log.at(-2)).toContain(line);
  });
});

test.each`
  disableOrder  | order
  ${'hwFirst'}  | ${['VFIO_IOMMU_UNMAP_DMA', 'VFIO_IOMMU_SPAPR_TCE_REMOVE', 'close', 'answer']}
  ${'kvmFirst'} | ${['close', 'VFIO_IOMMU_UNMAP_DMA', 'VFIO_IOMMU_SPAPR_TCE_REMOVE', 'answer']}
`('B-46, disableOrder $disableOrder: a window goes by $order', ({ disableOrder, order }) => {
  const at = passed({ disableOrder });
  const qemu = drive(at.qemu, create(16, 20), at.host);
  at.host.log.length = 0;
  const gone = drive(qemu, remove(L1), at.host);
  expect(calls(at)).toEqual(order);
  expect(table(gone, L1).mode).toBe('disabled');
});

test('a window is made in KVM, then in the hardware, then tied; a reset unmakes the other way round', () => {
  const at = passed();
  drive(at.qemu, reset(), at.host);
  expect(names(at)).toEqual([
    'Q vfio_listener_region_del',
    'VFIO_IOMMU_UNMAP_DMA',
    'VFIO_IOMMU_SPAPR_TCE_REMOVE',
    'Q vfio_spapr_remove_window',
    'close',
    'KVM_CREATE_SPAPR_TCE_64',
    'mmap',
    'Q spapr_iommu_new_table',
    'VFIO_IOMMU_SPAPR_TCE_CREATE',
    'Q vfio_spapr_create_window',
    'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE',
    'Q vfio_spapr_group_attach',
    'Q vfio_listener_region_add_iommu',
    ...names(at).slice(13, -2),
    'Q spapr_iommu_ddw_reset',
    'answer',
  ]);
});

describe('B-59: the host cannot make the hardware’s window', () => {
  const refused = (createFailure: 'abort' | 'rtasError'): At => {
    const { host, qemu } = passed({ createFailure });
    host.refuse = ({ type }) => (type === 'VFIO_IOMMU_SPAPR_TCE_CREATE' ? 'ENOMEM' : undefined);
    return { host, qemu: drive(qemu, create(16, 20), host) };
  };
  test('abort: QEMU is gone, and the guest hears nothing', () => {
    const at = refused('abort');
    expect(at.qemu.value).toBe('aborted');
    expect(at.qemu.context.task).toBeNull();
    expect(names(at)).toContain('abort');
    expect(names(at)).not.toContain('answer');
  });
  test('rtasError: the guest hears of it, and nothing is left', () => {
    const at = refused('rtasError');
    expect(at.qemu.value).toBe('running');
    expect(at.host.log.at(-1)).toBe('answer ibm,create-pe-dma-window HW_ERROR');
    expect(table(at.qemu, L1)).toMatchObject({ mode: 'disabled', skippingReplay: false });
    expect(at.qemu.context.creating).toBeNull();
    expect(calls(at)).toContain('close');
  });
});

describe('a view moves by a command, not by a notifier', () => {
  const blind = { spaprTceVfio: false };
  const hot = (switches: Switches): At => {
    const host = new FakeHost();
    const fresh = realize({
      config: configOf({ reallocOnFirstVfio: 'atHotplugPath', ...switches }, blind),
      devices: [PHB],
    });
    const qemu = drive(drive(fresh, startMain, host), systemReset, host);
    host.log.length = 0;
    return { host, qemu: drive(qemu, deviceAdd(device(1)), host) };
  };
  test('when the device was connected', () => {
    const at = hot({});
    expect(enabled(at.qemu, L0).fd).toBe(-1);
    const moved = names(at).lastIndexOf('view_bulk_load');
    expect(moved).toBeGreaterThan(names(at).indexOf('VFIO_GROUP_GET_DEVICE_FD'));
    expect(at.qemu.context.phbs[0]?.hasVfio).toBe(true);
  });
  test('and windows that are made later are QEMU’s at once', () => {
    const at = hot({});
    at.host.log.length = 0;
    const qemu = drive(at.qemu, reset(), at.host);
    expect(calls(at)).not.toContain('KVM_CREATE_SPAPR_TCE_64');
    expect(enabled(qemu, L0).fd).toBe(-1);
  });
  const rcu = step(threadId('rcu'));
  test.each`
    unplugSync          | callbacks                  | hasVfio  | fd      | needVfio
    ${'immediate'}      | ${['vfio-device']}         | ${true}  | ${-1}   | ${true}
    ${'rcuOrdered'}     | ${['vfio-device', 'sync']} | ${false} | ${1001} | ${false}
    ${'notifierDriven'} | ${['vfio-device']}         | ${true}  | ${-1}   | ${false}
  `(
    'B-06, unplugSync $unplugSync: after the last one the PHB believes $hasVfio',
    ({ unplugSync, callbacks, hasVfio, fd, needVfio }) => {
      const { host, qemu } = hot({ unplugSync });
      const left = drive(qemu, devicePciDel('v1'), host);
      expect(left.context.rcu.map(({ kind }) => kind)).toEqual(callbacks);
      let at = left;
      while (at.can(rcu)) at = drive(at, rcu, host);
      expect(at.context.vfio.containers).toEqual([]);
      expect(at.context.phbs[0]?.hasVfio).toBe(hasVfio);
      expect(enabled(at, L0)).toMatchObject({ needVfio });
      expect(enabled(at, L0).fd >= 0).toBe(fd >= 0);
    },
  );
});

describe('a stream is loaded into a machine that VFIO listens to', () => {
  const stream = (entries: number) =>
    migrateIncoming({
      version: 3,
      phbs: [],
      drcs: [],
      tables: [
        {
          liobn: L0,
          nbTable: 4 as never,
          busOffset: 0n,
          pageShift: 12,
          bypass: false,
          defWin: true,
          runs: [[1, 2, 0x5003n]],
        },
        {
          liobn: L1,
          nbTable: entries as never,
          busOffset: DYNAMIC,
          pageShift: 16,
          bypass: false,
          defWin: false,
          runs: [],
        },
      ],
    });
  const maps = (at: At) => at.host.log.filter((line) => line.startsWith('VFIO_IOMMU_MAP_DMA')).length;
  const replays = (at: At) => at.host.log.filter((line) => line.startsWith('replay'));
  test.each`
    postLoadNotify | maps
    ${'unfixed'}   | ${0}
    ${'fixed'}     | ${2}
  `(
    'B-29, postLoadNotify $postLoadNotify: $maps of its 2 mapped entries reach the hardware',
    ({ postLoadNotify, maps: expected }) => {
      const at = passed({ postLoadNotify });
      drive(at.qemu, stream(0), at.host);
      expect(maps(at)).toBe(expected);
    },
  );
  test.each`
    postLoadReplay | cost
    ${'unfixed'}   | ${['replay of 16']}
    ${'fixed'}     | ${[]}
  `('B-30, postLoadReplay $postLoadReplay: its new window costs $cost', ({ postLoadReplay, cost }) => {
    const at = passed({ postLoadReplay });
    const qemu = drive(at.qemu, stream(16), at.host);
    expect(replays(at)).toEqual(cost);
    expect(table(qemu, L1)).toMatchObject({ mode: 'enabled', skippingReplay: false });
  });
});

test('a machine with a device passed through cannot be migrated, and goes on', () => {
  const { host, qemu } = passed();
  const at = drive(qemu, { type: 'migrate', from: 'environment', to: 'qemu-spapr' }, host);
  expect(at.value).toBe('running');
  expect(host.log).toEqual(["! v1: VFIO device doesn't support migration"]);
});

describe('vCPUs in KVM are held while the machine is reset', () => {
  test('from before the first window goes until all is done, but not in the first reset', () => {
    const host = new FakeHost();
    const fresh = realize({ config: configOf({}, {}), devices: [PHB, device(1)] });
    const started = drive(fresh, startMain, host);
    host.log.length = 0;
    const first: At = { host, qemu: drive(started, systemReset, host) };
    expect(calls(first)).not.toContain('pause_all_vcpus');
    host.log.length = 0;
    const again = calls({ host, qemu: drive(first.qemu, systemReset, host) });
    expect([again.at(0), again.at(-1)]).toEqual(['pause_all_vcpus', 'resume_all_vcpus']);
    expect(again.filter((name) => name.endsWith('_vcpus'))).toHaveLength(2);
    expect(again.filter((name) => name.includes('REMOVE')).length).toBeGreaterThan(0);
  });
});
