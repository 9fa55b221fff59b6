import type { HostDmaPiece } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { parseEnvironment } from '../src/powernv/environment-file.ts';
import { PowernvReplay } from '../src/powernv/powernv-replay.ts';
import { FakeHost, type Json, row } from './support/recording.ts';

/** Where the buffer lies in host memory. */
const BUFFER_HPA = 0x4000_0000n;

/** A host whose device reads and writes the buffer at the bus address, but for addresses that are refused. */
const hostRefusing = (...refused: readonly bigint[]) =>
  new FakeHost((message) => {
    if (message.type !== 'host-device-dma') return null;
    const address = message.address as bigint;
    const isRefused = refused.includes(address);
    const piece: HostDmaPiece = {
      address: address as never,
      bytes: message.bytes as number,
      hpa: isRefused ? null : ((BUFFER_HPA + address) as never),
      outcome: isRefused ? 'frozen' : 'ram',
      through: isRefused ? null : 'table',
      why: '',
    };
    return [{ ...message, type: 'host-dma-done', pieces: [piece] } as never];
  });

const opens = [
  row({ n: 0, args: '/dev/vfio/vfio', ret: 6 }),
  row({ n: 1, args: '/dev/vfio/1', ret: 7 }),
  row({ n: 2, op: 'GROUP_GET_DEVICE_FD', args: '0001:01:00.0', ret: 8 }),
];
const map = (n: number, at: string): Json =>
  row({ n, op: 'MAP_DMA', args: `iova=${at} vaddr=buf+${at} size=0x1000 flags=3` });
const transfer = (n: number, out: string, args = 'srcbus=0x10000 dstbus=0x20000 n=64'): Json =>
  row({ n, op: 'EDU_DMA', args, out: `rd_done=0 wr_done=0 ${out}` });

function mismatches(rows: readonly Json[], host: FakeHost, scenario: object = {}) {
  const environment = parseEnvironment(
    JSON.stringify({
      version: 1,
      firstFd: 6,
      absent: [],
      hosts: [{ name: 'h', devices: [] }],
      scenarios: { simple: scenario },
    }),
  );
  const replay = new PowernvReplay(environment, () => host);
  [...opens, ...rows].forEach((one, i) => {
    replay.take(JSON.stringify(one), i + 1);
  });
  const { compared, mismatches, error } = replay.tally.report('', null);
  expect({ compared, error }).toEqual({ compared: opens.length + rows.length, error: null });
  return mismatches;
}

describe('a transfer', () => {
  const filled = { fill: { 'buf+0x10000': '0x5a' } };

  test.each<[string, Json[], FakeHost, object, number]>([
    ['arrives', [map(3, '0x20000'), transfer(4, 'dst_now=5a match_expect_5a=1')], hostRefusing(), filled, 0],
    [
      'should not have',
      [map(3, '0x20000'), transfer(4, 'dst_now=00 match_expect_5a=0')],
      hostRefusing(),
      filled,
      1,
    ],
    [
      'does not arrive',
      [map(3, '0x20000'), transfer(4, 'dst_now=00 match_expect_00=1')],
      hostRefusing(0x20000n),
      filled,
      0,
    ],
    [
      'should have',
      [map(3, '0x20000'), transfer(4, 'dst_now=5a match_expect_5a=1')],
      hostRefusing(0x20000n),
      filled,
      1,
    ],
    [
      'of a source that is refused carries zeros',
      [map(3, '0x20000'), transfer(4, 'dst_now=00 match_expect_5a=0')],
      hostRefusing(0x10000n),
      filled,
      0,
    ],
    [
      'is looked at elsewhere',
      [map(3, '0x20000'), transfer(4, 'dst_now=00 match_expect_5a=0')],
      hostRefusing(),
      { ...filled, read: 'buf+0x30000' },
      0,
    ],
    [
      'leaves what is looked at uncleared',
      [map(3, '0x20000'), transfer(4, 'dst_now=a2 match_expect_a0=0')],
      hostRefusing(),
      {
        fill: { 'buf+0x10000': '0xa0', 'buf+0x30000': '0xa2' },
        steps: [{ n: 4, read: 'buf+0x30000', clears: false }],
      },
      0,
    ],
    [
      'of a source of which only the mapping is known',
      [map(3, '0x10000'), map(4, '0x20000'), transfer(5, 'dst_now=66 match_expect_66=1')],
      hostRefusing(),
      {},
      0,
    ],
    [
      'that arrives is told apart from nothing even where no byte is known',
      [map(3, '0x10000'), map(4, '0x20000'), transfer(5, 'dst_now=00 match_expect_00=1')],
      hostRefusing(),
      {},
      1,
    ],
    [
      'to where nothing was mapped, and does not arrive',
      [map(3, '0x10000'), transfer(4, 'dst_now=00 match_expect_00=1')],
      hostRefusing(0x20000n),
      {},
      0,
    ],
    [
      'to where nothing was mapped, and arrives',
      [map(3, '0x10000'), transfer(4, 'dst_now=00 match_expect_00=1')],
      hostRefusing(),
      {},
      1,
    ],
    [
      'does not see what an earlier one left',
      [
        map(3, '0x20000'),
        transfer(4, 'dst_now=5a match_expect_5a=1'),
        transfer(5, 'dst_now=00 match_expect_00=1', 'srcbus=0x10000 dstbus=0x20001 n=64'),
      ],
      hostRefusing(0x20001n),
      filled,
      0,
    ],
  ])('%s', (_, rows, host, scenario, expected) => {
    expect(mismatches(rows, host, scenario)).toBe(expected);
  });

  test('is made by the device that the process has open', () => {
    const host = hostRefusing();
    mismatches([map(3, '0x20000'), transfer(4, 'dst_now=5a match_expect_5a=1')], host, filled);
    expect(host.of('host-device-dma')).toEqual([
      { device: '0001:01:00.0', address: 0x10000n, bytes: 64, access: 'read' },
      { device: '0001:01:00.0', address: 0x20000n, bytes: 64, access: 'write' },
    ]);
  });

  test('of more than the device can hold is wrong', () => {
    const replay = () =>
      mismatches([transfer(4, 'match_expect_00=1', 'srcbus=0 dstbus=0 n=4097')], hostRefusing());
    expect(replay).toThrow('line 4 has a transfer of 4097 bytes in its args');
  });
});
