import { buid, bytes, gpa, ioba, liobn } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { LINUX_6_1 } from '../src/index.ts';
import { BUID, bootedGuest, command, lines, MASK_64, phbNode } from './fake-hypervisor.ts';

const tiny = { liobn: liobn(0x8000_0000), start: ioba(0n), bytes: bytes(0x1_0000n) };
const probe = (device = 'nvme0') => command(0, { type: 'probe', device, dmaMask: MASK_64 } as const);
const MEMORY = { gpa: gpa(0x8000_0000n), bytes: bytes(0x1000_0000n) };
const online = command(1, { type: 'online-memory', ...MEMORY } as const);
const offline = command(1, { type: 'offline-memory', ...MEMORY } as const);
const guestWithWindow = (config = {}) => {
  const guest = bootedGuest(config, { phbs: [phbNode({ dmaWindow: tiny })] });
  guest.settle(probe());
  return guest;
};

describe('memory', () => {
  test('that comes is mapped in every direct window, and that goes is cleared there', () => {
    const guest = guestWithWindow();
    expect(lines(guest.settle(online))).toEqual([
      'indirect 0x80000001 0x800000080000000 16',
      'memory-notified',
    ]);
    expect(guest.kernel.memory.ranges).toHaveLength(2);
    expect(lines(guest.settle(offline))).toEqual([
      'stuff 0x80000001 0x800000080000000 16',
      'memory-notified',
    ]);
    expect(guest.kernel.memory.ranges).toHaveLength(1);
  });

  test('that a window refuses does not come online, and is cleared again', () => {
    const guest = guestWithWindow();
    guest.answers = {
      hcall: ({ type }) => (type === 'H_PUT_TCE_INDIRECT' ? { status: 'H_RESOURCE' } : undefined),
    };
    const sent = guest.settle(online);
    expect(lines(sent)).toEqual([
      'indirect 0x80000001 0x800000080000000 16',
      'stuff 0x80000001 0x800000080000000 16',
      'memory-notified',
    ]);
    expect(sent.at(-1)).toMatchObject({ action: 'MEM_GOING_ONLINE', result: 'NOTIFY_BAD' });
    expect(guest.kernel.memory.ranges).toHaveLength(1);
  });

  test('needs no call where no window maps all RAM', () => {
    const guest = bootedGuest({}, { phbs: [phbNode({ dmaWindow: tiny })] });
    expect(lines(guest.settle(online))).toEqual(['memory-notified']);
  });

  test('is left out of a window that is mapped page by page', () => {
    const guest = bootedGuest({}, { phbs: [phbNode({ dmaWindow: tiny })] });
    guest.answers = {
      rtas: ({ type }) =>
        type === 'ibm,query-pe-dma-window' ? { status: 'SUCCESS', outputs: [1, 0, 0x100, 1, 0] } : undefined,
    };
    guest.settle(probe());
    expect(guest.kernel.dmaWinList).toMatchObject([{ direct: false }]);
    expect(lines(guest.settle(online))).toEqual(['memory-notified']);
  });

  test('beyond what RAM can reach is persistent memory, and is left alone', () => {
    const guest = guestWithWindow();
    const pmem = { gpa: gpa(0x1_0000_0000n), bytes: bytes(0x1000_0000n) };
    expect(lines(guest.settle(command(0, { type: 'online-memory', ...pmem } as const)))).toEqual([
      'memory-notified',
    ]);
  });

  test('after kexec is mapped in the inherited window by 6.1, which counts it as direct', () => {
    const guest = guestWithWindow({ version: LINUX_6_1 });
    const bootArgs = { multitceOff: false, disableDdw: false };
    guest.settle(command(0, { type: 'kexec', kdump: false, bootArgs } as const));
    expect(lines(guest.settle(online))[0]).toBe('indirect 0x80000001 0x800000080000000 16');
  });

  test('that comes online while a second window is about to be listed is missing from that window', () => {
    const second = phbNode({
      buid: buid(BUID + 1n),
      dmaWindow: { ...tiny, liobn: liobn(0x8000_0100) },
      devices: [{ id: 'nvme1', busno: 0, devfn: 0 }],
    });
    const guest = bootedGuest({}, { phbs: [phbNode({ dmaWindow: tiny }), second] });
    guest.settle(probe());
    guest.deliver(probe('nvme1'));
    while (guest.kernel.vcpus[0]!.at !== 'probing.mappingRam.hcall') guest.answer();
    guest.deliver(online); // Holds the list while it maps the memory in the first window.
    guest.answer();
    expect(guest.kernel.vcpus[0]!.at).toBe('probing.listing.lock');
    guest.settle();
    guest.settle(command(0, { type: 'step' } as const));
    const mapped = lines(guest.sent).filter((call) => call.endsWith('080000000 16'));
    expect(guest.kernel.dmaWinList).toHaveLength(2);
    expect(mapped).toEqual(['indirect 0x80000001 0x800000080000000 16']);
  });
});

describe('a PHB (capture 11)', () => {
  const node = phbNode({
    buid: buid(BUID + 2n),
    drcIndex: 0x2000_0002,
    dmaWindow: { ...tiny, liobn: liobn(0x8000_0200) },
    devices: [],
  });
  const add = command(0, { type: 'dlpar-add-phb', node } as const);
  const addDevice = command(0, {
    type: 'dlpar-add-device',
    buid: node.buid,
    drcIndex: 0x4002_0008,
    node: { id: 'hp2', busno: 0, devfn: 8 },
  } as const);
  const removeDevice = command(0, {
    type: 'dlpar-remove-device',
    drcIndex: 0x4002_0008,
    device: 'hp2',
  } as const);
  const remove = command(0, { type: 'dlpar-remove-phb', buid: node.buid } as const);
  const plugged = () => {
    const guest = guestWithWindow();
    guest.answers = {
      rtas: ({ type, args }) =>
        type === 'ibm,create-pe-dma-window' && args[2] === 0x2000_0002
          ? { status: 'SUCCESS', outputs: [0x8000_0201, 0x0800_0000, 0] }
          : undefined,
    };
    guest.settle(add);
    guest.settle(addDevice);
    return guest;
  };

  test('is allocated, let in and configured, and its default window is cleared', () => {
    const sent = lines(guestWithWindow().settle(add));
    expect(sent).toEqual([
      'set-indicator 0x232b 0x20000002 0x1',
      'set-indicator 0x2329 0x20000002 0x1',
      'ibm,configure-connector 0x20000002 0x0',
      'stuff 0x80000200 0x0 16',
      'dlpar-done',
    ]);
  });

  test('asks for windows with its first device, and again with its driver', () => {
    const guest = guestWithWindow();
    guest.settle(add);
    expect(lines(guest.settle(addDevice))).toEqual([
      'set-indicator 0x2329 0x40020008 0x0',
      'set-indicator 0x232a 0x40020008 0x1',
      'set-indicator 0x2329 0x40020008 0x1',
      'ibm,configure-connector 0x40020008 0x0',
      'ibm,query-pe-dma-window 0x800 0x8000000 0x20000002',
      'dlpar-done',
    ]);
    expect(lines(guest.settle(probe('hp2'))).slice(0, 2)).toEqual([
      'ibm,query-pe-dma-window 0x800 0x8000000 0x20000002',
      'ibm,create-pe-dma-window 0x800 0x8000000 0x20000002 0x18 0x20',
    ]);
  });

  test('a second device of a PHB makes no call but on its connector (capture 04)', () => {
    const guest = guestWithWindow();
    const second = { ...addDevice, buid: BUID };
    expect(lines(guest.settle(second)).filter((call) => !/indicator|connector/.test(call))).toEqual([
      'dlpar-done',
    ]);
    expect(lines(guest.settle(probe('hp2')))).toEqual(['probed']);
  });

  test('loses its window with the PHB, not with the device: cleared, removed, isolated, released', () => {
    const guest = plugged();
    guest.settle(probe('hp2'));
    expect(lines(guest.settle(removeDevice))).toEqual([
      'set-indicator 0x232a 0x40020008 0x1',
      'set-indicator 0x2329 0x40020008 0x0',
      'dlpar-done',
    ]);
    expect(lines(guest.settle(remove))).toEqual([
      'stuff 0x80000201 0x800000000000000 256',
      'ibm,remove-pe-dma-window 0x80000201',
      'set-indicator 0x2329 0x20000002 0x0',
      'set-indicator 0x232b 0x20000002 0x0',
      'dlpar-done',
    ]);
    expect(guest.kernel.nodes.map((left) => left.buid)).toEqual([BUID]);
    expect(guest.kernel.dmaWinList.map((window) => window.buid)).toEqual([BUID]);
    expect(Object.keys(guest.kernel.tables)).toEqual(['0']);
  });

  test('that failed once gets another chance when it is plugged anew', () => {
    const guest = plugged();
    guest.answers = { rtas: ({ type }) => (type.includes('create') ? { status: 'HW_ERROR' } : undefined) };
    guest.settle(probe('hp2'));
    expect(guest.kernel.failedDdw).toEqual([node.buid]);
    guest.settle(remove);
    expect(guest.kernel.failedDdw).toEqual([]);
  });

  test('whose connector refuses is not taken into use', () => {
    const guest = guestWithWindow();
    guest.answers = { rtas: ({ type }) => (type.includes('connector') ? { status: 'HW_ERROR' } : undefined) };
    expect(guest.settle(add).at(-1)).toMatchObject({ type: 'dlpar-done', ok: false });
    expect(guest.kernel.nodes).toHaveLength(1);
  });

  test('is not removed while another vCPU is in an operation on it', () => {
    const guest = plugged();
    guest.deliver(command(1, { type: 'probe', device: 'hp2', dmaMask: MASK_64 } as const));
    guest.deliver(remove);
    expect(guest.kernel.vcpus[0]!.at).toBe('dlpar.waitingForDevices.lock');
    const step = command(0, { type: 'step' } as const);
    expect(guest.snapshot.can(step)).toBe(false);
    guest.settle();
    expect(guest.snapshot.can(step)).toBe(true);
    guest.settle(step);
    expect(guest.kernel.nodes).toHaveLength(1);
  });
});
