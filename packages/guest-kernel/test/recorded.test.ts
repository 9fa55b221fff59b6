import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { bytes, gpa, guestPageShift, ioba, liobn } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import type { GuestEvent, GuestSent } from '../src/index.ts';
import { BUID, bootedGuest, command, Guest, MASK_32, MASK_64, phbNode, powerOn } from './fake-hypervisor.ts';

/** The calls of a recorded log, in the words of QEMU's trace; each with the thread that made it. */
function recorded(name: string) {
  const log = gunzipSync(readFileSync(new URL(`../../../traces/${name}.log.gz`, import.meta.url))).toString();
  return log.split('\n').flatMap((line) => {
    const found = /^(?:(\d+)@[\d.]+:)?(spapr_iommu_(?!xlate|new_table)\S+) (.*)$/.exec(line);
    return found === null ? [] : [{ thread: found[1] ?? '', event: found[2]!, fields: found[3]! }];
  });
}
type Recorded = ReturnType<typeof recorded>[number];

const hex = (value: bigint | number) => `0x${value.toString(16)}`;
const PAGE_BYTES: Record<string, bigint> = { '0x80000001': 1n << 24n, '0x80000201': 1n << 24n };

/** What QEMU would log of a call that it answers with success; a query and a creation by their arguments. */
function traceOf(message: GuestSent): string[] {
  switch (message.type) {
    case 'H_PUT_TCE':
      return [`put ${hex(message.liobn)} ${hex(message.ioba)}`];
    case 'H_STUFF_TCE': {
      const end = message.ioba + message.npages * (PAGE_BYTES[hex(message.liobn)] ?? 0x1000n);
      return [`stuff ${hex(message.liobn)} ${hex(end)} ${message.npages}`];
    }
    case 'H_PUT_TCE_INDIRECT':
      return [`indirect ${hex(message.liobn)} ${hex(message.ioba)} ${hex(message.tces.at(-1)!)}`];
    case 'ibm,query-pe-dma-window':
      return [`query ${hex(message.args[0]!)}`];
    case 'ibm,create-pe-dma-window':
      return [`create ${hex(1n << BigInt(message.args[3]!))} ${hex(1n << BigInt(message.args[4]!))}`];
    case 'ibm,remove-pe-dma-window':
      return [`remove ${hex(message.args[0]!)}`];
    default:
      return [];
  }
}

/** The same of a recorded line. */
function traceOfLine({ event, fields }: Recorded): string {
  const field = (name: string) => new RegExp(`${name}=([0-9a-fx]+)`).exec(fields)?.[1];
  switch (event.replace('_pci', '')) {
    case 'spapr_iommu_put':
      return `put ${field('liobn')} ${field('ioba')}`;
    case 'spapr_iommu_stuff':
      return `stuff ${field('liobn')} ${field('ioba')} ${field('npages')}`;
    case 'spapr_iommu_indirect':
      return `indirect ${field('liobn')} ${field('ioba')} ${field('tceN')}`;
    case 'spapr_iommu_ddw_query':
      return `query ${field('addr')}`;
    case 'spapr_iommu_ddw_create':
      return `create ${field('page size')} ${field('requested')}`;
    case 'spapr_iommu_ddw_remove':
      return `remove ${field('liobn')}`;
    default:
      return event;
  }
}

const nvme = (id: string, devfn: number) => ({ id, busno: 0, devfn });
const probe = (device: string, dmaMask = MASK_64) => command(0, { type: 'probe', device, dmaMask } as const);

test('01: the whole log is 512 H_STUFF_TCE, two queries, a creation and one list of 128', () => {
  const guest = new Guest();
  guest.settle(powerOn());
  guest.settle(probe('nvme0'));
  expect(guest.sent.flatMap(traceOf)).toEqual(recorded('01-ddw-nvme-4k').map(traceOfLine));
});

test('12: up to the first mapping of the second kernel, call by call', () => {
  const guest = new Guest();
  guest.settle(powerOn({ phbs: [phbNode({ devices: [nvme('nvme0', 0), nvme('virtio0', 8)] })] }));
  guest.settle(probe('virtio0'));
  guest.settle(probe('nvme0'));
  const bootArgs = { multitceOff: false, disableDdw: false };
  guest.settle(command(0, { type: 'kexec', kdump: false, bootArgs } as const));
  guest.settle(probe('virtio0'));
  const log = recorded('12-kexec').map(traceOfLine);
  const firstPut = log.findIndex((call) => call.startsWith('put'));
  expect(guest.sent.flatMap(traceOf)).toEqual(log.slice(0, firstPut));
});

test('11: a PHB that comes and goes, call by call', () => {
  const guest = new Guest();
  guest.answers = {
    rtas: ({ type, args }) =>
      type === 'ibm,create-pe-dma-window' && args[2] === 0x2000_0002
        ? { status: 'SUCCESS', outputs: [0x8000_0201, 0x0800_0000, 0] }
        : undefined,
  };
  guest.settle(powerOn());
  guest.settle(probe('nvme0'));
  const buid = (BUID + 2n) as typeof BUID;
  const window = { liobn: liobn(0x8000_0200), start: ioba(0n), bytes: bytes(0x4000_0000n) };
  const node = phbNode({ buid, drcIndex: 0x2000_0002, dmaWindow: window, devices: [] });
  const slot = { drcIndex: 0x4002_0008 };
  guest.settle(command(0, { type: 'dlpar-add-phb', node } as const));
  guest.settle(command(0, { type: 'dlpar-add-device', buid, ...slot, node: nvme('hp2', 8) } as const));
  guest.settle(probe('hp2'));
  guest.settle(command(0, { type: 'dlpar-remove-device', ...slot, device: 'hp2' } as const));
  guest.settle(command(0, { type: 'dlpar-remove-phb', buid } as const));
  expect(guest.sent.flatMap(traceOf)).toEqual(recorded('11-phb-hotplug').map(traceOfLine));
});

test('05: three boots with a machine reset between them', () => {
  const guest = new Guest();
  for (let boots = 0; boots < 3; boots++) {
    guest.settle({ type: 'machine-reset', from: 'environment', to: 'guest-kernel' });
    guest.settle(powerOn());
    guest.settle(probe('nvme0'));
  }
  expect(guest.sent.flatMap(traceOf)).toEqual(recorded('05-system_reset').map(traceOfLine));
});

test('21: two PHBs, one with a small default window, other pages and another 64-bit address', () => {
  const guest = new Guest();
  const second = phbNode({
    buid: (BUID + 1n) as typeof BUID,
    dmaWindow: { liobn: liobn(0x8000_0100), start: ioba(0x2000_0000n), bytes: bytes(0x1000_0000n) },
    devices: [nvme('nvme1', 0)],
  });
  guest.answers = {
    rtas: ({ type, args }) => {
      if (args[2] !== 0x2000_0001) return undefined;
      return type === 'ibm,query-pe-dma-window'
        ? { status: 'SUCCESS', outputs: [1, 0x20, 0, 0x3, 0] }
        : { status: 'SUCCESS', outputs: [0x8000_0101, 0x0400_0000, 0] };
    },
  };
  guest.settle(powerOn({ phbs: [phbNode(), second] }));
  guest.settle(probe('nvme1'));
  guest.settle(probe('nvme0'));
  expect(guest.sent.flatMap(traceOf)).toEqual(recorded('21-phb-props').map(traceOfLine));
});

test('42: three PHBs under a 64K kernel, probed in an order of their own', () => {
  const guest = new Guest({ guestPageShift: guestPageShift(16) });
  const phb = (index: number) =>
    phbNode({
      buid: (BUID + BigInt(index)) as typeof BUID,
      dmaWindow: {
        liobn: liobn(0x8000_0000 + (index << 8)),
        start: ioba(0n),
        bytes: bytes(0x4000_0000n),
      },
      devices: [nvme(`nvme${index}`, 0)],
    });
  guest.answers = {
    rtas: ({ type, args }) => {
      const index = args[2]! - 0x2000_0000;
      if (type === 'ibm,query-pe-dma-window') {
        return { status: 'SUCCESS', outputs: [1, 0x20, 0, index === 1 ? 0x3 : 0x107, 0] };
      }
      const [high, low] = index === 28 ? [0x1000, 0] : [0x0800_0000, 0];
      return { status: 'SUCCESS', outputs: [0x8000_0001 + (index << 8), high!, low!] };
    },
  };
  guest.settle(powerOn({ phbs: [phb(0), phb(1), phb(28)] }));
  for (const device of ['nvme1', 'nvme28', 'nvme0']) guest.settle(probe(device));
  expect(guest.sent.flatMap(traceOf)).toEqual(recorded('42-three-phb-64k').map(traceOfLine));
});

const fieldOf = (call: Recorded, name: string): bigint =>
  BigInt(new RegExp(`${name}=([0-9a-fx]+)`).exec(call.fields)![1]!);
const pageOf = (call: Recorded): bigint => PAGE_BYTES[hex(fieldOf(call, 'liobn'))] ?? 0x1000n;
const isMap = ({ event }: Recorded): boolean => /_(put|indirect)$/.test(event);

/** What one map call says of its buffer. */
function bufferOf(call: Recorded) {
  const list = call.event.endsWith('indirect');
  const pages = list ? fieldOf(call, 'iobaN') + 1n : 1n;
  const last = fieldOf(call, list ? 'tceN' : 'tce');
  const size = pages * pageOf(call);
  const start = fieldOf(call, 'ioba');
  return {
    start,
    end: start + size,
    gpa: gpa(last - (last % 4n) + pageOf(call) - size),
    bytes: bytes(size),
    last,
  };
}

/** The network driver of capture 08 maps one buffer at a time. */
const VETH = 0x7100_0003n;

/** Memory that stays mapped is aligned to its size, and there is little of it. */
function kindOf(call: Recorded): 'coherent' | 'page' {
  const { start, bytes: size } = bufferOf(call);
  const pages = Number(size / pageOf(call));
  const aligned = start % (pageOf(call) << BigInt(Math.ceil(Math.log2(pages)))) === 0n;
  return pages > 1 && pages < 16 && aligned ? 'coherent' : 'page';
}

/** Calls of one thread that go on where the last one ended are the buffers of one list. */
function grouped(log: readonly Recorded[]): Recorded[][] {
  const groups: Recorded[][] = [];
  for (const call of log) {
    const group = groups.at(-1);
    const before = group?.at(-1);
    const goesOn =
      before !== undefined &&
      isMap(before) &&
      isMap(call) &&
      fieldOf(call, 'liobn') !== VETH &&
      before.thread === call.thread &&
      bufferOf(before).end === bufferOf(call).start;
    if (goesOn) group!.push(call);
    else groups.push([call]);
  }
  return groups;
}

/** The commands that stand behind a log's maps and unmaps. */
function commandsOf(
  deviceOf: (liobn: string) => string,
  log: readonly Recorded[],
  vcpuOf: Record<string, number>,
): GuestEvent[] {
  return grouped(log).map((group) => {
    const [call] = group as [Recorded];
    const cpu = vcpuOf[call.thread]!;
    const device = deviceOf(hex(fieldOf(call, 'liobn')));
    if (!isMap(call)) {
      const size = fieldOf(call, 'npages') * pageOf(call);
      const dmaAddress = ioba(fieldOf(call, 'ioba') - size);
      return command(cpu, { type: 'dma_unmap', device, dmaAddress, bytes: bytes(size) } as const);
    }
    const direction = bufferOf(call).last % 4n === 1n ? 'DMA_TO_DEVICE' : 'DMA_BIDIRECTIONAL';
    if (group.length === 1) {
      const { gpa: at, bytes: size } = bufferOf(call);
      return command(cpu, {
        type: 'dma_map',
        device,
        kind: kindOf(call),
        gpa: at,
        bytes: size,
        direction,
      } as const);
    }
    const segments = group.map(bufferOf).map(({ gpa: at, bytes: size }) => ({ gpa: at, bytes: size }));
    return command(cpu, { type: 'dma_map_sg', device, segments, direction } as const);
  });
}

describe('the allocator hands out the addresses that the recorded kernels got', () => {
  const callsFromFirstPut = (name: string) => {
    const log = recorded(name);
    return log.slice(log.findIndex(({ event }) => event === 'spapr_iommu_pci_put'));
  };

  test('12: all calls of the second kernel, in a window of 256 pages', () => {
    const guest = bootedGuest({}, { phbs: [phbNode()] });
    guest.settle(probe('nvme0'));
    const bootArgs = { multitceOff: false, disableDdw: false };
    guest.settle(command(0, { type: 'kexec', kdump: false, bootArgs } as const));
    guest.settle(probe('nvme0'));
    const calls = callsFromFirstPut('12-kexec');
    const from = guest.sent.length;
    for (const event of commandsOf(() => 'nvme0', calls, { 28861: 0, 28862: 1 })) guest.settle(event);
    expect(guest.sent.slice(from).flatMap(traceOf)).toEqual(calls.map(traceOfLine));
  });

  test('02: all calls in the default window, small ones and large', () => {
    const guest = bootedGuest();
    guest.settle(probe('nvme0', MASK_32));
    const calls = callsFromFirstPut('02-disable_ddw-nvme-e1000e');
    const from = guest.sent.length;
    for (const event of commandsOf(() => 'nvme0', calls, { 19681: 0, 19682: 1 })) guest.settle(event);
    expect(guest.sent.slice(from).flatMap(traceOf)).toEqual(calls.map(traceOfLine));
  });

  test('08: all calls of two VIO devices, each in a window of its own', () => {
    const window = (name: number) => ({ liobn: liobn(name), start: ioba(0n), bytes: bytes(0x1000_0000n) });
    const vio = [0x7100_0002, 0x7100_0003].map((name) => ({ id: hex(name), dmaWindow: window(name) }));
    const guest = bootedGuest({}, { phbs: [], vio });
    for (const { id } of vio) guest.settle(probe(id));
    const log = recorded('08-vio-vscsi-vlan').filter(({ fields }) => fields.includes('liobn=0x71'));
    const calls = log.slice(log.findIndex(({ event }) => event === 'spapr_iommu_put'));
    const from = guest.sent.length;
    const events = commandsOf((name) => name, calls, { 23133: 0, 23134: 1 });
    for (const event of events) guest.settle(event);
    expect(guest.sent.slice(from).flatMap(traceOf)).toEqual(calls.map(traceOfLine));
  });
});
