import { describe, expect, test } from 'vitest';
import { parseEnvironment } from '../src/powernv/environment-file.ts';
import { FakeHost, type Json, ok, opens, replayed, row, vfioReturn } from './support/recording.ts';

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
