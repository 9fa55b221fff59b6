import { describe, expect, test } from 'vitest';
import { loadEnvironment, parseEnvironment } from '../src/powernv/environment-file.ts';
import type { Boot } from '../src/powernv/host-kernel.ts';
import { PowernvReplay } from '../src/powernv/powernv-replay.ts';
import { FakeHost, type Json, ok, row, vfioReturn } from './support/recording.ts';

const BUFFER = 0x7f00_0000_0000n;
const opens: readonly Json[] = [
  row({ n: 0, args: '/dev/vfio/vfio', ret: 6 }),
  row({ n: 1, args: '/dev/vfio/1', ret: 7 }),
];

/** Replays rows on a host of which nothing is true but what it is told. */
function replayed(rows: readonly Json[], host = new FakeHost(), environment = loadEnvironment()) {
  const boots: unknown[] = [];
  const boot: Boot = (platform, recorded) => {
    boots.push({ platform, name: recorded.name });
    return host;
  };
  const replay = new PowernvReplay(environment, boot);
  rows.forEach((one, i) => {
    replay.take(JSON.stringify(one), i + 1);
  });
  return { host, boots, report: replay.tally.report(replay.format, null) };
}

/** The one message of a type that a row is, after the container and the group were opened. */
function messageOf(fields: Json): Json | undefined {
  const { host } = replayed([...opens, row({ n: 9, ...fields })]);
  const before = host.sent.filter(({ type }) => type === 'open').length;
  expect(before).toBe(2);
  const { type, from: _, to, thread, ...rest } = host.sent.at(-1)!;
  return { type, to, thread, ...rest };
}

describe('a row is a message', () => {
  const vfio = { to: 'vfio-host', thread: 'main', process: 'qemu' };
  const container = { ...vfio, containerFd: 3 };
  const unblocked = { ...container, argsz: null, readable: true };

  test.each<[Json, Json]>([
    [{ op: 'GET_API_VERSION' }, { ...container, type: 'VFIO_GET_API_VERSION' }],
    [
      { op: 'CHECK_EXTENSION', args: 'ext=7' },
      { ...container, type: 'VFIO_CHECK_EXTENSION', extension: 7 },
    ],
    [{ op: 'GROUP_GET_STATUS' }, { ...vfio, type: 'VFIO_GROUP_GET_STATUS', groupFd: 4 }],
    [
      { op: 'GROUP_SET_CONTAINER', args: 'group_fd=7 container_fd=6' },
      { ...container, type: 'VFIO_GROUP_SET_CONTAINER', groupFd: 4 },
    ],
    [
      { op: 'GROUP_UNSET_CONTAINER', args: 'group_fd=7' },
      { ...vfio, type: 'VFIO_GROUP_UNSET_CONTAINER', groupFd: 4 },
    ],
    [
      { op: 'GROUP_GET_DEVICE_FD', args: '0001:01:00.0' },
      { ...vfio, type: 'VFIO_GROUP_GET_DEVICE_FD', groupFd: 4, device: '0001:01:00.0' },
    ],
    [
      { op: 'SET_IOMMU', args: 'type=2' },
      { ...container, type: 'VFIO_SET_IOMMU', iommuType: 2 },
    ],
    [
      { op: 'SPAPR_TCE_GET_INFO', args: 'argsz=16' },
      { ...container, type: 'VFIO_IOMMU_SPAPR_TCE_GET_INFO', argsz: 16, readable: true },
    ],
    [
      { op: 'SPAPR_TCE_GET_INFO', args: 'arg=8' },
      { ...container, type: 'VFIO_IOMMU_SPAPR_TCE_GET_INFO', argsz: null, readable: false },
    ],
    [{ op: 'IOMMU_ENABLE' }, { ...container, type: 'VFIO_IOMMU_ENABLE' }],
    [{ op: 'IOMMU_DISABLE' }, { ...container, type: 'VFIO_IOMMU_DISABLE' }],
    [{ op: 'IOMMU_GET_INFO' }, { ...unblocked, type: 'VFIO_IOMMU_SPAPR_TCE_GET_INFO' }],
    [
      { op: 'SPAPR_REGISTER_MEMORY', args: 'vaddr=buf+0x40000 size=0x100000' },
      {
        ...unblocked,
        type: 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY',
        flags: 0,
        vaddr: BUFFER + 0x40000n,
        size: 0x100000n,
      },
    ],
    [
      { op: 'SPAPR_UNREGISTER_MEMORY', args: 'vaddr=(nil) size=0x10000' },
      { ...unblocked, type: 'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY', flags: 0, vaddr: 0n, size: 0x10000n },
    ],
    [
      { op: 'SPAPR_TCE_CREATE', args: 'page_shift=16 window_size=0x40000000 levels=2' },
      {
        ...unblocked,
        type: 'VFIO_IOMMU_SPAPR_TCE_CREATE',
        pageShift: 16,
        windowSize: 0x40000000n,
        levels: 2,
        flags: 0,
      },
    ],
    [
      { op: 'SPAPR_TCE_REMOVE', args: 'start_addr=0x1000' },
      { ...unblocked, type: 'VFIO_IOMMU_SPAPR_TCE_REMOVE', startAddr: 0x1000n, flags: 0 },
    ],
    [
      { op: 'MAP_DMA', args: 'iova=0x800000000000000 vaddr=buf+0 size=0x10000 flags=1' },
      {
        ...unblocked,
        type: 'VFIO_IOMMU_MAP_DMA',
        flags: 1,
        iova: 1n << 59n,
        vaddr: BUFFER,
        size: 0x10000n,
      },
    ],
    [
      { op: 'UNMAP_DMA', args: 'iova=0x1000 size=0x1000' },
      { ...unblocked, type: 'VFIO_IOMMU_UNMAP_DMA', flags: 0, iova: 0x1000n, size: 0x1000n },
    ],
    [
      { op: 'EEH_PE_OP', args: 'op=5' },
      { ...unblocked, type: 'VFIO_EEH_PE_OP', op: 5 },
    ],
    [
      { op: 'EEH_PE_OP', args: 'GET_STATE' },
      { ...unblocked, type: 'VFIO_EEH_PE_OP', op: 4 },
    ],
    [
      { op: 'close', args: 'fd=7' },
      { ...vfio, type: 'close', fd: 4 },
    ],
  ])('%j', (fields, message) => {
    expect(messageOf(fields)).toEqual(message);
  });

  const kvm = { to: 'kvm', thread: 'main' };
  test.each<[Json, Json]>([
    [
      { op: 'KVM_CHECK_EXTENSION', args: 'cap=63' },
      { type: 'KVM_CHECK_EXTENSION', extension: 'KVM_CAP_SPAPR_TCE' },
    ],
    [
      { op: 'KVM_ENABLE_CAP', args: 'PPC_ENABLE_HCALL 0x13c' },
      { type: 'KVM_ENABLE_CAP', cap: 'KVM_CAP_PPC_ENABLE_HCALL', hcall: 'H_STUFF_TCE' },
    ],
    [
      { op: 'KVM_CREATE_DEVICE', args: 'type=VFIO' },
      { type: 'KVM_CREATE_DEVICE', device: 'KVM_DEV_TYPE_VFIO' },
    ],
    [
      { op: 'KVM_SET_DEVICE_ATTR', args: 'VFIO_GROUP_ADD' },
      { type: 'KVM_DEV_VFIO_GROUP_ADD', groupFd: 4 },
    ],
    [
      { op: 'KVM_SET_DEVICE_ATTR', args: 'VFIO_GROUP_DEL' },
      { type: 'KVM_DEV_VFIO_GROUP_DEL', groupFd: 4 },
    ],
    [
      { op: 'KVM_SET_DEVICE_ATTR', args: 'VFIO_GROUP_SET_SPAPR_TCE group=7 table=11' },
      { type: 'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE', groupFd: 4, tableFd: -1 },
    ],
    [
      { op: 'KVM_SET_USER_MEMORY_REGION', args: 'gpa=0x2000 size=0x1000000' },
      { type: 'KVM_SET_USER_MEMORY_REGION', slot: 0, gpa: 0x2000n, bytes: 0x1000000n, ua: BUFFER + 0x2000n },
    ],
    [
      { op: 'KVM_CREATE_SPAPR_TCE', args: 'liobn=0x70000000 window=0x10000000' },
      { type: 'KVM_CREATE_SPAPR_TCE', liobn: 0x70000000, windowSize: 0x10000000n },
    ],
    [
      {
        op: 'KVM_CREATE_SPAPR_TCE_64',
        args: 'liobn=0x80000005 page_shift=12 offset=0xfffffffffffffffc size=0x10 flags=1',
      },
      {
        type: 'KVM_CREATE_SPAPR_TCE_64',
        liobn: 0x80000005,
        pageShift: 12,
        offset: 0xffff_ffff_ffff_fffcn,
        size: 0x10n,
        flags: 1,
      },
    ],
  ])('%j', (fields, message) => {
    expect(messageOf(fields)).toEqual({ ...kvm, ...message });
  });

  test.each<[string, Json]>([
    ['H_PUT_TCE', { ioba: 0x3000n, tce: 0x20003n }],
    ['H_GET_TCE', { ioba: 0x3000n }],
    ['H_STUFF_TCE', { ioba: 0x3000n, tceValue: 0x20003n, npages: 8n }],
    ['H_PUT_TCE_INDIRECT', { ioba: 0x3000n, tceList: 0x20003n, npages: 8n, tces: [] }],
  ])('%s', (op, message) => {
    const args = 'liobn=0x80000000 ioba=0x3000 a2=0x20003 a3=0x8';
    expect(messageOf({ op, args })).toEqual({
      type: op,
      to: 'kvm',
      thread: 'vcpu0',
      liobn: 0x80000000n,
      ...message,
    });
  });
});

describe('the process gives descriptors, the lowest that is free', () => {
  test('and the machines have numbers of their own', () => {
    const { report, host } = replayed([
      row({ n: 0, args: '/dev/kvm', ret: 6 }),
      row({ n: 1, op: 'KVM_CREATE_VM', args: 'type=0', ret: 7 }),
      row({ n: 2, args: '/dev/vfio/vfio', ret: 8 }),
      row({ n: 3, op: 'close', args: 'fd=7' }),
      row({ n: 4, args: '/dev/vfio/2', ret: 7 }),
      row({ n: 5, op: 'KVM_CREATE_DEVICE', args: 'type=VFIO', ret: 0 }),
      row({ n: 6, op: 'close', args: 'fd=9' }),
      row({ n: 7, op: 'close', args: 'fd=9', ret: -1, errno: 9 }),
    ]);
    expect(report).toMatchObject({ vectors: 8, compared: 8, mismatches: 0 });
    expect(host.of('open')).toEqual([
      { path: '/dev/vfio/vfio', process: 'qemu' },
      { path: '/dev/vfio/2', process: 'qemu' },
    ]);
    expect(host.sent.at(-1)).toMatchObject({ type: 'close', to: 'kvm', fd: 5 });
  });
});

describe('what is compared', () => {
  const answers = (result: Parameters<typeof vfioReturn>[1]) =>
    new FakeHost((message) => (message.type.startsWith('VFIO_') ? [vfioReturn(message, result)] : null));
  const created = { ok: true, value: 0, startAddr: 1n << 59n, info: null } as never;
  const create = { n: 5, op: 'SPAPR_TCE_CREATE', args: 'page_shift=16' };

  test.each<[string, FakeHost, Json, number]>([
    ['the value', answers(ok(2)), { n: 5, op: 'SET_IOMMU', args: 'type=7', ret: 2 }, 0],
    ['another value', answers(ok(2)), { n: 5, op: 'SET_IOMMU', args: 'type=7', ret: 1 }, 1],
    [
      'the error',
      answers({ ok: false, errno: 'EBUSY' }),
      { n: 5, op: 'IOMMU_ENABLE', ret: -1, errno: 16 },
      0,
    ],
    [
      'another error',
      answers({ ok: false, errno: 'EBUSY' }),
      { n: 5, op: 'IOMMU_ENABLE', ret: -1, errno: 22 },
      1,
    ],
    ['success', answers({ ok: false, errno: 'EBUSY' }), { n: 5, op: 'IOMMU_ENABLE' }, 1],
    ['VmLck', answers(ok()), { n: 5, op: 'IOMMU_ENABLE', vmlck_kb: 64 }, 1],
    ['the start of a window', answers(created), { ...create, out: 'start_addr=0x800000000000000' }, 0],
    ['another start', answers(created), { ...create, out: 'start_addr=0' }, 1],
    ['no start', answers(created), create, 1],
    ['a start where none is', answers(ok()), { ...create, out: 'start_addr=0' }, 1],
    ['flags', answers(ok(3)), { n: 5, op: 'GROUP_GET_STATUS', out: 'flags=0x3' }, 0],
    ['other flags', answers(ok(3)), { n: 5, op: 'GROUP_GET_STATUS', out: 'flags=0x1' }, 1],
  ])('%s', (_, host, fields, mismatches) => {
    const { report } = replayed([...opens, row(fields)], host);
    expect(report).toMatchObject({ vectors: 3, compared: 3, mismatches });
    if (mismatches > 0) expect(report.first).toMatchObject({ line: 3, n: 5, op: fields.op });
  });

  test('a block is shown with what it held where the call wrote nothing', () => {
    const info = { flags: 1, dma32WindowStart: 0n, dma32WindowSize: 0x80000000n, ddw: null };
    const host = answers({ ok: true, value: 0, startAddr: null, info } as never);
    const environment = parseEnvironment(
      JSON.stringify({
        version: 1,
        firstFd: 6,
        absent: [],
        hosts: [{ name: 'h', devices: [] }],
        scenarios: { simple: { steps: [{ n: 6, blockFill: '0xee' }] } },
      }),
    );
    const lines = (pgsizes: string, count: number) =>
      `flags=0x1 dma32_start=0 dma32_size=0x80000000 ddw.pgsizes=${pgsizes} ddw.maxwin=${count} ddw.levels=${count}`;
    const { report } = replayed(
      [
        ...opens,
        row({ n: 5, op: 'SPAPR_TCE_GET_INFO', out: lines('0', 0) }),
        row({ n: 6, op: 'SPAPR_TCE_GET_INFO', out: lines('0xeeeeeeeeeeeeeeee', 0xeeee_eeee) }),
      ],
      host,
      environment,
    );
    expect(report).toMatchObject({ compared: 4, mismatches: 0 });
  });

  test('a note is neither compared nor counted', () => {
    const { report } = replayed([...opens, row({ n: 5, op: 'note', vmlck_kb: 77, ret: 5 })]);
    expect(report).toMatchObject({ vectors: 2, compared: 2, mismatches: 0 });
  });

  test.each`
    op                       | args           | reason
    ${'DEVICE_GET_INFO'}     | ${''}          | ${'nothing to do with DMA'}
    ${'KVM_CHECK_EXTENSION'} | ${'cap=1'}     | ${'nothing to do with TCEs'}
    ${'KVM_ENABLE_CAP'}      | ${'PPC_OTHER'} | ${'nothing to do with TCEs'}
    ${'constructor'}         | ${''}          | ${'no call of this name is described'}
    ${'open'}                | ${'/etc/motd'} | ${'neither VFIO’s nor KVM’s'}
    ${'EDU_DMA'}             | ${'n=64'}      | ${'no device is open'}
  `('$op $args is listed with the reason', ({ op, args, reason }) => {
    const { report } = replayed([...opens, row({ n: 5, op, args })]);
    expect(report).toMatchObject({ vectors: 3, compared: 2, mismatches: 0 });
    expect(report.unmodelled).toEqual([
      { line: 3, scenario: 'simple', n: 5, op, reason: expect.stringContaining(reason) },
    ]);
  });

  test('a machine that fails is a mismatch, and the replay goes on on another host', () => {
    const host = new FakeHost(({ type }) => {
      if (type === 'VFIO_IOMMU_ENABLE') throw new Error('no');
      return null;
    });
    const { report, boots } = replayed(
      [...opens, row({ n: 5, op: 'IOMMU_ENABLE' }), row({ sc: 'exit', args: '/dev/vfio/vfio', ret: 6 })],
      host,
    );
    expect(report).toMatchObject({ vectors: 4, compared: 4, mismatches: 1 });
    expect(report.first?.expected).toEqual({ failed: 'Error: no' });
    expect(boots).toHaveLength(2);
  });
});

describe('a scenario', () => {
  const begins = row({ n: 0, args: '/dev/vfio/vfio', ret: 6 });

  test('begins with a process that has one buffer and no limit, and ends with its exit', () => {
    const { host, boots } = replayed([begins, row({ sc: 'exit', n: 0, args: '/dev/vfio/vfio', ret: 6 })]);
    expect(boots).toHaveLength(1);
    expect(host.sent.map(({ type, to }) => `${type} ${to}`)).toEqual([
      'map-memory vfio-host',
      'set-memlock vfio-host',
      'open vfio-host',
      'exit kvm',
      'exit vfio-host',
      'map-memory vfio-host',
      'set-memlock vfio-host',
      'open vfio-host',
    ]);
    expect(host.of('map-memory')[0]).toMatchObject({ process: 'qemu', vma: { ua: BUFFER, pageShift: 16 } });
    expect(host.of('set-memlock')[0]).toEqual({ process: 'qemu', limit: null, capIpcLock: true });
  });

  test('begins again where the numbers do', () => {
    const { host } = replayed([begins, row({ n: 0, args: '/dev/vfio/vfio', ret: 6 })]);
    expect(host.of('exit')).toHaveLength(2);
  });

  test.each`
    what         | fields
    ${'run'}     | ${{ run: 'mate' }}
    ${'kernel'}  | ${{ kernel: '6.12.95-4k' }}
    ${'machine'} | ${{ machine: 'powernv10' }}
  `('another $what is another host', ({ fields }) => {
    const { boots } = replayed([begins, row({ args: '/dev/vfio/vfio', ret: 6, ...fields })]);
    expect(boots).toHaveLength(2);
    expect(boots[1]).not.toEqual(boots[0]);
  });

  test('a host is started anew after many', () => {
    const { boots } = replayed(Array<Json>(65).fill(begins));
    expect(boots).toHaveLength(2);
  });

  test('after drivers came or went, another host is started', () => {
    const held = [begins, row({ n: 10, op: 'note' })].map((one) => ({ ...one, sc: 'hold' }));
    const { host, boots } = replayed([...held, begins]);
    expect(host.of('unbind-vfio-pci')).toEqual([{ device: '0002:01:00.0' }]);
    expect(boots).toHaveLength(2);
  });

  test('memory that a call names elsewhere comes before the call, once, unless it is said to be absent', () => {
    const register = (n: number, vaddr: string) =>
      row({ n, op: 'SPAPR_REGISTER_MEMORY', args: `vaddr=${vaddr} size=0x20000` });
    const { host } = replayed([
      ...opens,
      register(2, '0x3fff80010000'),
      register(3, '0x3fff80010000'),
      register(4, '0x10000000000'),
      register(5, '(nil)'),
      register(6, '0xc000000000000000'),
      register(7, '0xffffffffffff0000'),
    ]);
    expect(host.of('map-memory').slice(1)).toEqual([
      {
        process: 'qemu',
        vma: {
          ua: 0x3fff_8001_0000n,
          bytes: 0x20000n,
          access: 'read-write',
          pageShift: 16,
          hpa: expect.anything(),
        },
      },
    ]);
  });

  test('what happens before a step is played, and by whom it is made', () => {
    const register = (n: number) => row({ sc: 'fork', n, op: 'SPAPR_REGISTER_MEMORY', args: 'size=0x10000' });
    const { host } = replayed([
      ...opens.map((one) => ({ ...one, sc: 'fork' })),
      register(4),
      register(6 - 1),
      row({ sc: 'fork', n: 15, op: 'GROUP_UNSET_CONTAINER', args: 'group_fd=7' }),
    ]);
    expect(host.of('VFIO_IOMMU_SPAPR_REGISTER_MEMORY').map(({ process }) => process)).toEqual([
      'qemu',
      'child1',
    ]);
    expect(host.of('fork')).toEqual([{ process: 'qemu', child: 'child1' }]);
    expect(host.of('exit')).toEqual([{ process: 'child1' }]);
  });
});
