import { bytes, gpa, ioba, iommuPageShift, liobn } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { isTableInUse, LINUX_6_1 } from '../src/index.ts';
import { BUID, bootedGuest, command, lines, MASK_64, phbNode } from './fake-hypervisor.ts';

const tiny = { liobn: liobn(0x8000_0000), start: ioba(0n), bytes: bytes(0x1_0000n) };
const RESET = 'ibm,reset-pe-dma-window 0x0 0x8000000 0x20000000';
const QUERY = 'ibm,query-pe-dma-window 0x0 0x8000000 0x20000000';
const vfio = <Body extends object>(body: Body) => command(0, { ...body, buid: BUID });
const take = vfio({ type: 'vfio-take-ownership' } as const);
const release = vfio({ type: 'vfio-release-ownership' } as const);
const create = (more: object = {}) =>
  vfio({
    type: 'vfio-create-table',
    num: 0 as 0 | 1,
    pageShift: iommuPageShift(12),
    windowBytes: bytes(0x1_0000n),
    levels: 1,
    ...more,
  } as const);
const unset = (num: 0 | 1) => vfio({ type: 'vfio-unset-window', num } as const);
const probe = (cpu = 0, device = 'nvme0') =>
  command(cpu, { type: 'probe', device, dmaMask: MASK_64 } as const);
const step = (cpu: number) => command(cpu, { type: 'step' } as const);

function guestWithWindow(config = {}) {
  const guest = bootedGuest(config, { phbs: [phbNode({ dmaWindow: tiny })] });
  guest.settle(probe());
  guest.settle(command(0, { type: 'unbind', device: 'nvme0' } as const));
  return guest;
}
function takenGuest() {
  const guest = guestWithWindow();
  guest.settle(take);
  return guest;
}

describe('VFIO in the guest (capture 22)', () => {
  test('takes the dynamic window away, clean, and forgets the default one without telling firmware', () => {
    const guest = guestWithWindow();
    expect(lines(guest.settle(take))).toEqual([
      'stuff 0x80000001 0x800000000000000 256',
      'ibm,remove-pe-dma-window 0x80000001',
      'guest-vfio-return',
    ]);
    expect(guest.kernel.nodes[0]).toMatchObject({ dmaWindow: null, ddwProperty: null, owner: 'vfio' });
    expect(guest.kernel.tables).toEqual({});
    expect(guest.kernel.devices.nvme0!.base).toBeNull();
    expect(guest.settle(probe()).at(-1)).toMatchObject({ type: 'probed', outcome: 'refused' });
  });

  test('gives a PHB without dynamic windows back without asking firmware, and clears its window', () => {
    const bare = phbNode({ dmaWindow: tiny, ddwApplicable: null, ddwExtensions: null });
    const guest = bootedGuest({}, { phbs: [bare] });
    guest.settle(take);
    expect(lines(guest.settle(release))).toEqual(['stuff 0x80000000 0x0 16', 'guest-vfio-return']);
  });

  test('gets the default window back by a reset, and clears it', () => {
    const guest = takenGuest();
    const sent = guest.settle(create());
    expect(lines(sent)).toEqual([RESET, 'stuff 0x80000000 0x0 16', 'guest-vfio-return']);
    expect(sent.at(-1)).toMatchObject({ result: 0, start: 0n });
  });

  test('gets any other window as a dynamic one', () => {
    const guest = takenGuest();
    const sent = guest.settle(create({ pageShift: iommuPageShift(16), windowBytes: bytes(0x1000_0000n) }));
    expect(lines(sent)).toEqual([
      QUERY,
      'ibm,create-pe-dma-window 0x0 0x8000000 0x20000000 0x10 0x1c',
      ...Array.from(
        { length: 8 },
        (_, n) => `stuff 0x80000001 0x${(0x800000000000000n + BigInt(n) * 0x2000000n).toString(16)} 512`,
      ),
      'guest-vfio-return',
    ]);
    expect(sent.at(-1)).toMatchObject({ result: 0, start: 1n << 59n });
  });

  test.each`
    case                                        | first                                | request                              | result
    ${'more than one level'}                    | ${null}                              | ${{ levels: 2 }}                     | ${'EINVAL'}
    ${'a size that is no power of two'}         | ${null}                              | ${{ windowBytes: bytes(0x3000n) }}   | ${'EINVAL'}
    ${'a second 64-bit window in slot 0'}       | ${{ windowBytes: bytes(1n << 30n) }} | ${{ windowBytes: bytes(1n << 30n) }} | ${'EPERM'}
    ${'the default window beside a 64-bit one'} | ${{ windowBytes: bytes(1n << 30n) }} | ${{}}                                | ${'EPERM'}
    ${'more entries than firmware offers'}      | ${null}                              | ${{ windowBytes: bytes(1n << 60n) }} | ${'EINVAL'}
  `('refuses $case with $result', ({ first, request, result }) => {
    const guest = takenGuest();
    if (first !== null) guest.settle(create(first));
    expect(guest.settle(create(request)).at(-1)).toMatchObject({ result });
  });

  test('maps and unmaps with H_GET_TCE and H_PUT_TCE for each page', () => {
    const guest = takenGuest();
    guest.settle(create());
    const range = { num: 0 as const, ioba: ioba(0x2000n), bytes: bytes(0x2000n) };
    const map = vfio({
      type: 'vfio-map',
      ...range,
      gpa: gpa(0x7000n),
      direction: 'DMA_FROM_DEVICE',
    } as const);
    expect(lines(guest.settle(map))).toEqual([
      'get 0x80000000 0x2000',
      'put 0x80000000 0x2000 0x7002',
      'get 0x80000000 0x3000',
      'put 0x80000000 0x3000 0x8002',
      'guest-vfio-return',
    ]);
    expect(lines(guest.settle(vfio({ type: 'vfio-unmap', ...range } as const)))).toEqual([
      'get 0x80000000 0x2000',
      'put 0x80000000 0x2000 0x0',
      'get 0x80000000 0x3000',
      'put 0x80000000 0x3000 0x0',
      'guest-vfio-return',
    ]);
  });

  test('a map that is refused half way clears what it had mapped', () => {
    const guest = takenGuest();
    guest.settle(create());
    let puts = 0;
    guest.answers = {
      hcall: ({ type }) => (type === 'H_PUT_TCE' && puts++ === 1 ? { status: 'H_PARAMETER' } : undefined),
    };
    const sent = guest.settle(
      vfio({
        type: 'vfio-map',
        num: 0,
        ioba: ioba(0n),
        gpa: gpa(0n),
        bytes: bytes(0x3000n),
        direction: 'DMA_BIDIRECTIONAL',
      } as const),
    );
    expect(lines(sent).slice(-3)).toEqual([
      'get 0x80000000 0x0',
      'put 0x80000000 0x0 0x0',
      'guest-vfio-return',
    ]);
    expect(sent.at(-1)).toMatchObject({ result: 'EIO' });
  });

  test('set_window only asks whether the table is the slot’s', () => {
    const guest = takenGuest();
    guest.settle(create());
    const set = (table: 0 | 1) => vfio({ type: 'vfio-set-window', num: 0, table } as const);
    expect(guest.settle(set(0))).toMatchObject([{ result: 0 }]);
    expect(guest.settle(set(1))).toMatchObject([{ result: 'EPERM' }]);
  });

  test('gives a dynamic window back without clearing it, and the default one without a call', () => {
    const guest = takenGuest();
    guest.settle(create());
    expect(lines(guest.settle(unset(0)))).toEqual(['guest-vfio-return']);
    guest.settle(create({ num: 1, pageShift: iommuPageShift(16) }));
    expect(lines(guest.settle(unset(1)))).toEqual([
      'ibm,remove-pe-dma-window 0x80000001',
      'guest-vfio-return',
    ]);
    expect(guest.kernel.tables).toEqual({});
  });

  test('gives the PHB back: reset, a new default table, cleared; drivers can probe again', () => {
    const guest = takenGuest();
    expect(lines(guest.settle(release))).toEqual([RESET, 'stuff 0x80000000 0x0 16', 'guest-vfio-return']);
    expect(guest.settle(probe()).at(-1)).toMatchObject({ outcome: 'direct' });
  });

  test('is not there before 6.11', () => {
    const guest = guestWithWindow({ version: LINUX_6_1 });
    expect(guest.settle(take)).toMatchObject([{ result: 'ENODEV' }]);
  });
});

describe('two vCPUs', () => {
  const devices = [0, 1].map((slot) => ({ id: `nvme${slot}`, busno: 0, devfn: slot << 3 }));
  const twoDevices = () => bootedGuest({}, { phbs: [phbNode({ dmaWindow: tiny, devices })] });

  test('create one window between them: the second waits for dma_win_init_mutex and finds it', () => {
    const guest = twoDevices();
    guest.deliver(probe(0, 'nvme0'));
    expect(guest.deliver(probe(1, 'nvme1'))).toEqual([]);
    expect(guest.kernel.vcpus[1]).toMatchObject({
      at: 'probing.waitingForMutex.lock',
      wants: 'dma_win_init_mutex',
    });
    expect(guest.snapshot.can(step(1))).toBe(false);
    guest.settle();
    expect(guest.kernel.vcpus[0]!.at).toBe('idle');
    const sent = guest.deliver(step(1));
    expect(lines(sent)).toEqual(['probed']);
    expect(sent[0]).toMatchObject({ device: 'nvme1', outcome: 'direct' });
  });

  test('map at the same time, each in a pool of its own', () => {
    const guest = bootedGuest();
    guest.settle(command(0, { type: 'probe', device: 'nvme0', dmaMask: 0xffff_ffffn } as const));
    const map = (cpu: number) =>
      command(cpu, {
        type: 'dma_map',
        device: 'nvme0',
        kind: 'page',
        gpa: gpa(0x9000n),
        bytes: bytes(0x1000n),
        direction: 'DMA_TO_DEVICE',
      } as const);
    const sent = [...guest.deliver(map(0)), ...guest.deliver(map(1))];
    expect(lines(sent)).toEqual(['put 0x80000000 0x1000 0x9001', 'put 0x80000000 0xc000000 0x9001']);
    guest.settle();
    expect(isTableInUse(guest.kernel.tables[0]!)).toBe(true);
  });

  test('an unbinding waits for a mapping that is under way', () => {
    const guest = bootedGuest({}, { phbs: [phbNode({ dmaWindow: tiny })] });
    guest.settle(command(0, { type: 'probe', device: 'nvme0', dmaMask: 0xffff_ffffn } as const));
    const buffer = { gpa: gpa(0n), bytes: bytes(1n), direction: 'DMA_TO_DEVICE' } as const;
    guest.deliver(command(0, { type: 'dma_map', device: 'nvme0', kind: 'page', ...buffer } as const));
    guest.deliver(command(1, { type: 'unbind', device: 'nvme0' } as const));
    expect(guest.kernel.vcpus[1]!.at).toBe('unbinding.waitingForDevices.lock');
    expect(lines(guest.settle())).toEqual(['mapped']);
    expect(lines(guest.settle(step(1)))).toEqual(['unbound']);
  });

  test('make one RTAS call at a time', () => {
    const guest = twoDevices();
    guest.deliver(probe(0, 'nvme0')); // Its query is under way.
    const node = phbNode({ buid: (BUID + 1n) as typeof BUID, drcIndex: 0x2000_0001, devices: [] });
    guest.deliver(command(1, { type: 'dlpar-add-phb', node } as const));
    expect(guest.kernel.vcpus[1]).toMatchObject({ at: 'dlpar.acquiring.lock', wants: 'rtas.lock' });
    while (guest.kernel.locks['rtas.lock'] !== null) guest.answer();
    expect(lines(guest.deliver(step(1)))).toEqual(['set-indicator 0x232b 0x20000001 0x1']);
  });

  test('a memory notifier keeps the window list locked while it makes its calls', () => {
    const guest = twoDevices();
    guest.settle(probe(0, 'nvme0'));
    guest.deliver(
      command(1, { type: 'online-memory', gpa: gpa(0x8000_0000n), bytes: bytes(0x1000_0000n) } as const),
    );
    guest.deliver(probe(0, 'nvme1'));
    expect(guest.kernel.vcpus[0]).toMatchObject({ at: 'probing.lookingUp.lock', wants: 'dma_win_list_lock' });
  });
});
