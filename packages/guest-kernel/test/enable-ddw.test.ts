import { bytes, gpa, type PhbNode } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { ddwGeometryOf, fls64, orderBase2 } from '../src/ddw-geometry.ts';
import { GUEST_VERSIONS, type GuestConfig, type GuestVersionName, LINUX_6_1 } from '../src/index.ts';
import {
  type Answers,
  BUID,
  bootedGuest,
  command,
  lines,
  MASK_32,
  MASK_64,
  phbNode,
  platform,
} from './fake-hypervisor.ts';

const QUERY = 'ibm,query-pe-dma-window 0x0 0x8000000 0x20000000';
const CREATE = 'ibm,create-pe-dma-window 0x0 0x8000000 0x20000000';
const RESET = 'ibm,reset-pe-dma-window 0x0 0x8000000 0x20000000';
const probe = (dmaMask = MASK_64, device = 'nvme0') =>
  command(0, { type: 'probe', device, dmaMask } as const);

function probing(
  answers: Answers,
  config: Partial<GuestConfig> = {},
  change: Parameters<typeof bootedGuest>[1] = {},
  dmaMask = MASK_64,
) {
  const guest = bootedGuest(config, change);
  guest.answers = answers;
  const sent = guest.settle(probe(dmaMask));
  return { guest, sent, calls: lines(sent), probed: sent.findLast(({ type }) => type === 'probed') };
}
const withPhb = (change: Partial<PhbNode>) => ({ phbs: [phbNode(change)] });
/** Answers queries so, one after the other, and the last one from then on. */
function queries(...outputs: (readonly number[])[]): Answers {
  let n = 0;
  return {
    rtas: ({ type }) =>
      type === 'ibm,query-pe-dma-window'
        ? { status: 'SUCCESS', outputs: outputs[Math.min(n++, outputs.length - 1)]! }
        : undefined,
  };
}

test.each`
  value        | order | bits
  ${0n}        | ${0}  | ${0}
  ${1n}        | ${0}  | ${1}
  ${3n}        | ${2}  | ${2}
  ${4n}        | ${2}  | ${3}
  ${1n << 32n} | ${32} | ${33}
  ${MASK_64}   | ${64} | ${64}
`('order_base_2($value) is $order, fls64 is $bits', ({ value, order, bits }) => {
  expect([orderBase2(value), fls64(value)]).toEqual([order, bits]);
});

describe('the window asked for', () => {
  const kernelOf = (name: GuestVersionName, memory: object = {}) => {
    const version = GUEST_VERSIONS[name];
    const guest = bootedGuest({ version }, { phbs: [], memory: { ...platform().memory, ...memory } });
    return guest.kernel;
  };
  const query = (pageSizes: number, largestBlock = 1n << 37n) => ({
    ret: 0,
    windowsAvailable: 1,
    largestBlock,
    pageSizes,
  });
  const TB = 1n << 40n;
  test.each`
    case                                                   | version         | sizes    | largest      | memory                           | expected
    ${'capture 01: 16M pages over 4 GiB'}                  | ${'linux-6.12'} | ${0x107} | ${1n << 37n} | ${{}}                            | ${[24, 32, 'direct']}
    ${'capture 13: 64K pages where there are no larger'}   | ${'linux-6.12'} | ${0x3}   | ${1n << 37n} | ${{}}                            | ${[16, 32, 'direct']}
    ${'capture 14: 4K pages where there are no others'}    | ${'linux-6.12'} | ${0x1}   | ${1n << 37n} | ${{}}                            | ${[12, 32, 'direct']}
    ${'capture 15: up to the end of hot-added memory'}     | ${'linux-6.12'} | ${0x107} | ${1n << 37n} | ${{ hotplugMax: gpa(TB) }}       | ${[24, 40, 'direct']}
    ${'capture 19: without maxmem up to the end of RAM'}   | ${'linux-6.1'}  | ${0x107} | ${1n << 37n} | ${{ hotplugMax: null }}          | ${[24, 31, 'direct']}
    ${'capture 20: without maxmem nothing, shift 0'}       | ${'linux-6.12'} | ${0x107} | ${1n << 37n} | ${{ hotplugMax: null }}          | ${[24, 0, 'direct']}
    ${'16G pages are larger than 2M, wherever their bits'} | ${'linux-6.12'} | ${0x180} | ${1n << 20n} | ${{}}                            | ${[34, 32, 'direct']}
    ${'older kernels know three sizes: 2M is none'}        | ${'linux-5.10'} | ${0x103} | ${1n << 37n} | ${{}}                            | ${[16, 32, 'direct']}
    ${'too small for RAM becomes dynamic'}                 | ${'linux-6.12'} | ${0x1}   | ${1n << 19n} | ${{}}                            | ${[12, 31, 'dynamic']}
    ${'too small for RAM is none in older kernels'}        | ${'linux-5.10'} | ${0x1}   | ${1n << 19n} | ${{}}                            | ${undefined}
    ${'no page size is no window'}                         | ${'linux-6.12'} | ${0}     | ${1n << 37n} | ${{}}                            | ${undefined}
    ${'persistent memory needs 51 bits'}                   | ${'linux-6.12'} | ${0x107} | ${1n << 37n} | ${{ pmemory: true }}             | ${[24, 51, 'direct']}
    ${'S1: GPU memory at 64 TiB needs 2^31 TCEs of 64K'}   | ${'linux-5.10'} | ${0x2}   | ${1n << 31n} | ${{ hotplugMax: gpa(65n * TB) }} | ${[16, 47, 'direct']}
  `('$version: $case', ({ version, sizes, largest, memory, expected }) => {
    const geometry = ddwGeometryOf(kernelOf(version, memory), query(sizes, largest), MASK_64, false);
    const found = geometry && [geometry.pageShift, geometry.windowShift, geometry.mapping];
    expect(found).toEqual(expected);
  });

  test('a device with fewer bits than RAM gets a dynamic window that it can reach', () => {
    const geometry = ddwGeometryOf(kernelOf('linux-6.12'), query(0x2), (1n << 30n) - 1n, false);
    expect(geometry).toEqual({ pageShift: 16, windowShift: 30, mapping: 'dynamic' });
  });
});

describe('enable_ddw', () => {
  test('maps RAM directly, and the device makes no more calls', () => {
    const { guest, probed } = probing({});
    expect(probed).toMatchObject({ outcome: 'direct', dmaOffset: 1n << 59n });
    expect(guest.kernel.nodes[0]!.ddwProperty).toEqual({
      name: 'linux,direct64-ddr-window-info',
      liobn: 0x8000_0001,
      dmaBase: 1n << 59n,
      tceShift: 24,
      windowShift: 32,
    });
    const mapped = guest.settle(
      command(1, {
        type: 'dma_map',
        device: 'nvme0',
        kind: 'page',
        gpa: gpa(0x1234n),
        bytes: bytes(1n),
        direction: 'DMA_FROM_DEVICE',
      } as const),
    );
    expect(lines(mapped)).toEqual(['mapped']);
    expect(mapped[0]).toMatchObject({ segments: [{ dmaAddress: (1n << 59n) + 0x1234n }] });
  });

  test('4K pages take 1024 lists of 512 for 2 GiB (capture 14)', () => {
    const { calls } = probing(queries([1, 0x20, 0, 0x1, 0]));
    const lists = calls.filter((call) => call.startsWith('indirect'));
    expect(lists).toHaveLength(1024);
    expect(lists[1]).toBe('indirect 0x80000001 0x800000000200000 512');
  });

  test('a window too small for RAM gets a table, which is cleared first', () => {
    const { calls, probed, guest } = probing(queries([1, 0, 0x100, 0x1, 0]));
    expect(calls).toEqual([QUERY, `${CREATE} 0xc 0x14`, 'stuff 0x80000001 0x800000000000000 256', 'probed']);
    expect(probed).toMatchObject({ outcome: 'dynamic', liobn: 0x8000_0001 });
    expect(guest.kernel.nodes[0]!.ddwProperty!.name).toBe('linux,dma64-ddr-window-info');
  });

  test('a second device of the PHB takes the window that is there, without a call', () => {
    const devices = [0, 1].map((slot) => ({ id: `nvme${slot}`, busno: 0, devfn: slot << 3 }));
    const { guest } = probing({}, {}, withPhb({ devices }));
    expect(lines(guest.settle(probe(MASK_64, 'nvme1')))).toEqual(['probed']);
    expect(guest.kernel.devices.nvme1).toMatchObject({ bypass: true, dmaOffset: 1n << 59n });
  });

  test('unbinding and binding again keeps the window (capture 09)', () => {
    const { guest } = probing({});
    guest.settle(command(0, { type: 'unbind', device: 'nvme0' } as const));
    expect(lines(guest.settle(probe()))).toEqual(['probed']);
  });

  test.each`
    case                                  | mask       | bootArgs                | outcome
    ${'a 32-bit mask asks for no window'} | ${MASK_32} | ${{}}                   | ${'dynamic'}
    ${'disable_ddw asks for none either'} | ${MASK_64} | ${{ disableDdw: true }} | ${'dynamic'}
  `('$case', ({ mask, bootArgs, outcome }) => {
    const guest = bootedGuest({});
    guest.settle(
      command(0, {
        type: 'kexec',
        kdump: false,
        bootArgs: { multitceOff: false, disableDdw: false, ...bootArgs },
      } as const),
    );
    const sent = guest.settle(probe(mask));
    expect(lines(sent)).toEqual(['probed']);
    expect(sent[0]).toMatchObject({ outcome, liobn: 0x8000_0000 });
  });

  test.each`
    case                                       | refusal     | calls
    ${'a query that is refused'}               | ${'query'}  | ${[QUERY]}
    ${'a window that is refused (capture 20)'} | ${'create'} | ${[QUERY, `${CREATE} 0x18 0x20`]}
  `('$case puts the PHB on the failed list, for good', ({ refusal, calls: expected }) => {
    const refuse: Answers = {
      rtas: ({ type }) => (type.includes(refusal) ? { status: 'PARAM_ERROR' } : undefined),
    };
    const { guest, calls, probed } = probing(refuse);
    expect(calls).toEqual([...expected, 'probed']);
    expect(probed).toMatchObject({ outcome: 'dynamic', liobn: 0x8000_0000 });
    guest.answers = {};
    expect(lines(guest.settle(probe()))).toEqual(['probed']);
  });

  test('a PHB without ibm,ddw-applicable fails without a call', () => {
    const { guest, calls } = probing({}, {}, withPhb({ ddwApplicable: null }));
    expect(calls).toEqual(['probed']);
    expect(guest.kernel.failedDdw).toEqual([BUID]);
  });

  test('a busy creation is asked again', () => {
    let busy = 2;
    const { calls } = probing({
      rtas: ({ type }) =>
        type === 'ibm,create-pe-dma-window' && busy-- > 0
          ? { status: busy === 1 ? 'BUSY' : 'EXTENDED_DELAY_1_MSEC' }
          : undefined,
    });
    expect(calls.filter((call) => call.startsWith('ibm,create'))).toHaveLength(3);
    expect(calls.at(-2)).toBe('indirect 0x80000001 0x800000000000000 128');
  });

  test('RAM that cannot be mapped: the window is cleared and removed, and the PHB has failed', () => {
    const { calls, guest, probed } = probing({
      hcall: ({ type }) => (type === 'H_PUT_TCE_INDIRECT' ? { status: 'H_PARAMETER' } : undefined),
    });
    expect(calls).toEqual([
      QUERY,
      `${CREATE} 0x18 0x20`,
      'indirect 0x80000001 0x800000000000000 128',
      'stuff 0x80000001 0x800000000000000 256',
      'ibm,remove-pe-dma-window 0x80000001',
      'probed',
    ]);
    expect(probed).toMatchObject({ outcome: 'dynamic', liobn: 0x8000_0000 });
    expect(guest.kernel.nodes[0]!.ddwProperty).toBeNull();
    expect(guest.kernel.failedDdw).toEqual([BUID]);
  });

  test.each`
    extensions        | nret
    ${[2, 0x2029, 1]} | ${6}
    ${[1, 0x2029]}    | ${5}
    ${null}           | ${5}
  `('with ibm,ddw-extensions $extensions the query has $nret outputs', ({ extensions, nret }) => {
    const { sent } = probing({}, {}, withPhb({ ddwExtensions: extensions }));
    expect(sent.find(({ type }) => type === 'ibm,query-pe-dma-window')).toMatchObject({ nret });
  });
});

describe('with no window left', () => {
  const none = [0, 0x20, 0, 0x107, 0];
  const one = [1, 0x20, 0, 0x107, 0];

  test('the default window is removed, and a direct window leaves the PHB without a table', () => {
    const { guest, calls, probed } = probing(queries(none, one));
    expect(calls).toEqual([
      QUERY,
      'stuff 0x80000000 0x0 0', // Its property is misread: nothing is cleared.
      'ibm,remove-pe-dma-window 0x80000000',
      QUERY,
      `${CREATE} 0x18 0x20`,
      'indirect 0x80000001 0x800000000000000 128',
      'probed',
    ]);
    expect(probed).toMatchObject({ outcome: 'direct' });
    const node = guest.kernel.nodes[0]!;
    expect(node).toMatchObject({ dmaWindow: null, dmaWindowSaved: { liobn: 0x8000_0000 } });
    expect(node.group!.tables).toEqual([null, null]);
    expect(guest.kernel.tables).toEqual({});
    expect(guest.kernel.devices.nvme0!.base).toBeNull();
  });

  test.each`
    version         | slots        | why
    ${'linux-6.12'} | ${[1, null]} | ${'takes the first slot, and the old table stays behind'}
    ${'linux-6.1'}  | ${[null, 1]} | ${'takes the second slot, and the first is dropped'}
  `('$version: a dynamic table $why', ({ version, slots }) => {
    const config = { version: GUEST_VERSIONS[version as GuestVersionName] };
    const { guest } = probing(queries([0, 0, 0x100, 1, 0], [1, 0, 0x100, 1, 0]), config);
    expect(guest.kernel.nodes[0]!.group!.tables).toEqual(slots);
  });

  test('still none after the removal: the PHB is reset, which brings the default window back', () => {
    const { guest, calls, probed } = probing(queries(none));
    expect(calls.slice(3)).toEqual([QUERY, RESET, 'probed']);
    expect(probed).toMatchObject({ outcome: 'dynamic', liobn: 0x8000_0000 });
    expect(guest.kernel.nodes[0]!.dmaWindow).not.toBeNull();
  });

  test.each`
    case                                           | version         | change                     | mapFirst
    ${'something is mapped in the default window'} | ${'linux-6.12'} | ${{}}                      | ${true}
    ${'firmware cannot reset'}                     | ${'linux-6.12'} | ${{ ddwExtensions: null }} | ${false}
    ${'the kernel is older than 5.10'}             | ${'linux-4.18'} | ${{}}                      | ${false}
  `('$case: the default window stays', ({ version, change, mapFirst }) => {
    const devices = [0, 1].map((slot) => ({ id: `nvme${slot}`, busno: 0, devfn: slot << 3 }));
    const config = { version: GUEST_VERSIONS[version as GuestVersionName] };
    const guest = bootedGuest(config, withPhb({ devices, ...change }));
    if (mapFirst) {
      guest.settle(probe(MASK_32, 'nvme1'));
      guest.settle(
        command(0, {
          type: 'dma_map',
          device: 'nvme1',
          kind: 'page',
          gpa: gpa(0n),
          bytes: bytes(1n),
          direction: 'DMA_TO_DEVICE',
        } as const),
      );
    }
    guest.answers = queries(change.ddwExtensions === null || version === 'linux-4.18' ? [0, 9, 7, 0] : none);
    expect(lines(guest.settle(probe()))).toEqual([QUERY, 'probed']);
    expect(guest.kernel.failedDdw).toEqual([BUID]);
  });
});

describe('a mask of 33 to 63 bits (B-55)', () => {
  const MASK_40 = (1n << 40n) - 1n;

  test.each`
    limitedMaskPoisons | failed    | later
    ${'unfixed'}       | ${[BUID]} | ${'dynamic'}
    ${'fixed'}         | ${[]}     | ${'direct'}
  `('limitedMaskPoisons $limitedMaskPoisons: a later 64-bit device is $later', (row) => {
    const { limitedMaskPoisons } = row;
    const { guest, calls } = probing({}, { limitedMaskPoisons }, {}, MASK_40);
    expect(calls).toEqual([QUERY, 'probed']);
    expect(guest.kernel.failedDdw).toEqual(row.failed);
    expect(guest.settle(probe()).at(-1)).toMatchObject({ outcome: row.later });
  });

  test('firmware that can limit addresses is told to, and gets the window if that fails no more', () => {
    const { calls } = probing({}, {}, withPhb({ ddwExtensions: [3, 0x2029, 1, 1] }), MASK_40);
    expect(calls.slice(0, 3)).toEqual([QUERY, `${RESET} 0x1`, `${CREATE} 0x18 0x20`]);
  });

  test('kernels before 6.12 do not ask', () => {
    const { calls, guest } = probing({}, { version: LINUX_6_1 }, {}, MASK_40);
    expect(calls).toEqual(['probed']);
    expect(guest.kernel.failedDdw).toEqual([]);
  });
});
