import { bytes, gpa, ioba, liobn } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { countBits } from '../src/bitmap.ts';
import { canonicalGuest, GUEST_VERSIONS, type GuestEvent, LINUX_6_1 } from '../src/index.ts';
import { bootedGuest, command, Guest, lines, MASK_32, MASK_64, phbNode, powerOn } from './fake-hypervisor.ts';

const QUERY = 'ibm,query-pe-dma-window 0x0 0x8000000 0x20000000';
const probe = (dmaMask = MASK_64) => command(0, { type: 'probe', device: 'nvme0', dmaMask } as const);
const kexec = (kdump = false) =>
  command(0, { type: 'kexec', kdump, bootArgs: { multitceOff: false, disableDdw: false } } as const);
const reset: GuestEvent = { type: 'machine-reset', from: 'environment', to: 'guest-kernel' };
/** A default window of 16 pages. */
const tiny = phbNode({ dmaWindow: { liobn: liobn(0x8000_0000), start: ioba(0n), bytes: bytes(0x1_0000n) } });

describe('firmware', () => {
  test('puts and takes back its TCEs, then quiesces, and the kernel clears what is left (capture 07)', () => {
    const guest = new Guest();
    const put = (tce: bigint) => ({ liobn: liobn(0x8000_0000), ioba: ioba(0x1000n), tce });
    const event = { ...powerOn({ phbs: [tiny] }), firmware: [put(0x3003n), put(0n)] } as GuestEvent;
    expect(lines(guest.settle(event))).toEqual([
      'put 0x80000000 0x1000 0x3003',
      'put 0x80000000 0x1000 0x0',
      'quiesce',
      'stuff 0x80000000 0x0 16',
      QUERY,
      'booted',
    ]);
  });
});

describe('boot', () => {
  test('gives all buses their tables first, then queries for each, then clears the VIO tables (captures 08, 21)', () => {
    const second = phbNode({
      buid: (tiny.buid + 1n) as typeof tiny.buid,
      dmaWindow: { liobn: liobn(0x8000_0100), start: ioba(0x2000_0000n), bytes: bytes(0x1_0000n) },
      devices: [{ id: 'nvme1', busno: 0, devfn: 8 }],
    });
    const vio = [
      { id: 'vscsi', dmaWindow: { liobn: liobn(0x7100_0002), start: ioba(0n), bytes: bytes(0x2000n) } },
    ];
    const sent = new Guest().settle(powerOn({ phbs: [tiny, second], vio }));
    expect(lines(sent).slice(1)).toEqual([
      'stuff 0x80000000 0x0 16',
      'stuff 0x80000100 0x20000000 16',
      QUERY,
      'ibm,query-pe-dma-window 0x800 0x8000000 0x20000001',
      'stuff 0x71000002 0x0 2',
      'booted',
    ]);
  });

  test('multitce=off clears the window page by page', () => {
    const sent = new Guest().settle(powerOn({ phbs: [tiny] }, { multitceOff: true }));
    expect(lines(sent).filter((call) => call.startsWith('put'))).toHaveLength(16);
  });

  test.each`
    version         | queries
    ${'linux-6.12'} | ${1}
    ${'linux-6.1'}  | ${0}
  `('$version queries $queries times before any driver (captures 01, 19)', ({ version, queries }) => {
    const config = { version: GUEST_VERSIONS[version as keyof typeof GUEST_VERSIONS] };
    const sent = bootedGuest(config, { phbs: [tiny] }).sent;
    expect(lines(sent).filter((call) => call === QUERY)).toHaveLength(queries);
  });

  test('a PHB without a DMA window has no table, and its device is refused', () => {
    const guest = bootedGuest({}, { phbs: [{ ...tiny, dmaWindow: null }] });
    expect(guest.settle(probe(MASK_32)).at(-1)).toMatchObject({ type: 'probed', outcome: 'refused' });
  });
});

describe('kexec', () => {
  test('capture 12: the window stays, is cleared with one H_STUFF_TCE of 256, and is used dynamically', () => {
    const guest = bootedGuest();
    guest.settle(probe());
    expect(lines(guest.settle(kexec()))).toEqual(['stuff 0x80000001 0x800000000000000 256', QUERY, 'booted']);
    expect(lines(guest.settle(probe()))).toEqual(['probed']);
    const table = guest.kernel.tables[guest.kernel.devices.nvme0!.base!]!;
    expect(table).toMatchObject({ liobn: 0x8000_0001, pageShift: 24, size: 256 });
    expect(guest.sent.at(-1)).toMatchObject({ outcome: 'dynamic', liobn: 0x8000_0001 });
  });

  test('capture 12: the second kernel may map two buffers of one page at two addresses', () => {
    const guest = bootedGuest();
    guest.settle(probe());
    guest.settle(kexec());
    guest.settle(probe());
    const map = command(1, {
      type: 'dma_map',
      device: 'nvme0',
      kind: 'coherent',
      gpa: gpa(0x200_0000n),
      bytes: bytes(0x1000n),
      direction: 'DMA_BIDIRECTIONAL',
    } as const);
    expect(lines([...guest.settle(map), ...guest.settle(map)])).toEqual([
      'put 0x80000001 0x800000030000000 0x2000003',
      'mapped',
      'put 0x80000001 0x800000040000000 0x2000003',
      'mapped',
    ]);
  });

  test('a 32-bit device cannot reach the only table that the second kernel has', () => {
    const guest = bootedGuest();
    guest.settle(probe());
    guest.settle(kexec());
    expect(guest.settle(probe(MASK_32)).at(-1)).toMatchObject({ outcome: 'refused' });
  });

  test('6.1 clears the default window instead, and goes on with the old direct mapping', () => {
    const guest = bootedGuest({ version: LINUX_6_1 }, { phbs: [tiny] });
    guest.settle(probe());
    expect(lines(guest.settle(kexec()))).toEqual(['stuff 0x80000000 0x0 16', 'booted']);
    expect(guest.settle(probe()).at(-1)).toMatchObject({ outcome: 'direct' });
  });

  test('an orderly kexec waits until every other vCPU is at rest', () => {
    const guest = bootedGuest({}, { phbs: [tiny] });
    guest.deliver(command(1, { type: 'probe', device: 'nvme0', dmaMask: MASK_64 } as const));
    expect(guest.snapshot.can(kexec())).toBe(false);
    guest.settle();
    expect(guest.snapshot.can(kexec())).toBe(true);
  });
});

describe('kdump', () => {
  /** A guest with a few TCEs that a crashed kernel left. */
  function crashed(left: readonly bigint[], config = {}) {
    const guest = bootedGuest({ kdumpMinTceEntries: 4, ...config }, { phbs: [tiny] });
    guest.answers = {
      hcall: (call) =>
        call.type === 'H_GET_TCE'
          ? { status: 'H_SUCCESS', tce: left.includes(call.ioba / 0x1000n) ? 0x5003n : 0n }
          : undefined,
    };
    const sent = guest.settle(kexec(true));
    return { guest, sent, calls: lines(sent) };
  }

  test('reads every entry, clears none, queries not, and keeps what it finds', () => {
    const { guest, calls } = crashed([2n, 3n, 9n]);
    expect(calls.slice(0, 2)).toEqual(['get 0x80000000 0x0', 'get 0x80000000 0x1000']);
    expect(calls).toHaveLength(17);
    expect(calls.at(-1)).toBe('booted');
    expect(guest.kernel.tables[0]!.map).toEqual([
      [0, 1],
      [2, 4],
      [9, 10],
    ]);
  });

  test('takes the entries at the end of a full table, mapped or not', () => {
    const { guest, sent } = crashed(Array.from({ length: 16 }, (_, n) => BigInt(n)));
    expect(guest.kernel.tables[0]!.map).toEqual([[0, 12]]);
    expect(sent.some((message) => message.type === 'printk' && message.text.includes('full'))).toBe(true);
  });

  test('an entry freed on some machines is not in use', () => {
    const guest = bootedGuest({ kdumpMinTceEntries: 4 }, { phbs: [tiny] });
    guest.answers = { hcall: () => ({ status: 'H_SUCCESS', tce: 0x7fff_ffff_ffff_ffffn }) };
    guest.settle(kexec(true));
    expect(countBits(guest.kernel.tables[0]!.map)).toBe(1);
  });

  test('stops the other vCPUs where they are; an answer under way is dropped', () => {
    const guest = bootedGuest({}, { phbs: [tiny] });
    guest.deliver(command(1, { type: 'probe', device: 'nvme0', dmaMask: MASK_64 } as const));
    guest.deliver(kexec(true));
    expect(guest.kernel.vcpus[1]!.at).toBe('stopping.rtas');
    const stale = guest.open.shift()!;
    guest.settle();
    guest.deliver(guest.answerTo(stale));
    expect(guest.kernel.vcpus.map(({ at }) => at)).toEqual(['idle', 'idle']);
    expect(guest.kernel.dmaWinList).toEqual([]);
  });
});

describe('machine reset', () => {
  test('forgets everything, and the next boot is like the first', () => {
    const first = bootedGuest({}, { phbs: [tiny] });
    const again = bootedGuest({}, { phbs: [tiny] });
    again.settle(probe());
    again.deliver(reset);
    expect(again.kernel).toMatchObject({ mode: 'off', dmaWinList: [], tables: {}, nodes: [] });
    again.settle(powerOn({ phbs: [tiny] }));
    expect(canonicalGuest(again.kernel)).toBe(canonicalGuest(first.kernel));
  });

  test('a vCPU inside a call takes the answer first; only then can the guest be powered on', () => {
    const guest = new Guest();
    guest.deliver(powerOn({ phbs: [tiny] }));
    guest.deliver(reset);
    expect(guest.kernel.vcpus[0]!.at).toBe('stopping.rtas');
    expect(guest.snapshot.can(powerOn())).toBe(false);
    guest.settle();
    expect(guest.kernel.vcpus[0]!.at).toBe('off');
    expect(guest.snapshot.can(powerOn())).toBe(true);
  });
});

describe('messages', () => {
  test('commands wait until the kernel is up, and until the vCPU is at rest', () => {
    const guest = new Guest();
    expect(guest.snapshot.can(probe())).toBe(false);
    guest.deliver(powerOn({ phbs: [tiny] }));
    expect(guest.snapshot.can(probe())).toBe(false);
    guest.settle();
    expect(guest.snapshot.can(probe())).toBe(true);
    guest.deliver(probe());
    expect(guest.snapshot.can(probe())).toBe(false);
  });

  test('a hotplug event is noted at any time', () => {
    const guest = new Guest();
    const event = {
      type: 'hotplug-event',
      from: 'qemu-spapr',
      to: 'guest-kernel',
      action: 'add',
      resource: 'phb',
      drcIndex: 0x2000_0002,
      memory: null,
    } as const;
    expect(guest.snapshot.can(event)).toBe(true);
    guest.deliver(event);
    expect(guest.kernel.hotplug).toHaveLength(1);
  });

  test.each([
    { type: 'nonsense', thread: 'vcpu0' },
    { type: 'probe', thread: 'vcpu9', device: 'nvme0', dmaMask: MASK_64 },
  ])('$type to $thread can never be taken: `unexpected`', (message) => {
    const guest = new Guest();
    const sent = guest.deliver(message as unknown as GuestEvent);
    expect(sent).toMatchObject([{ type: 'unexpected', received: message.type }]);
  });
});
