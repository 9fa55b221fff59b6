import { describe, expect, test } from 'vitest';
import { BUFFER, type Json, opens, replayed, row } from './support/recording.ts';

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
