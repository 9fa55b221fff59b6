import { describe, expect, test } from 'vitest';
import type { BuiltModel } from '../src/index.ts';
import { HOST, modelFrom } from './full-machine.ts';
import { type Place, type Way, waysFrom } from './walk.ts';

type Fields = Readonly<Record<string, unknown>>;

const get = (ioba: string): Fields => ({ do: 'H_GET_TCE', liobn: '0x80000000', ioba });
const NVME = { id: 'nvme', phb: 0, devfn: 8, host: '0001:01:00.0', group: 0 };
const machine = { guest: false, devices: [{ id: 'nic', phb: 0, devfn: 8 }] };

const built = (processes: readonly Fields[], more: Fields = {}, model: Fields = {}): BuiltModel =>
  modelFrom(
    { machine, setup: [{ do: 'system_reset' }], processes, ...more },
    { properties: ['S-17'], ...model },
  );
const startOf = ({ model, start }: BuiltModel): Place => ({
  state: start,
  environment: model.environment!.initial,
});
const waysOf = (it: BuiltModel, place: Place): readonly Way[] => waysFrom(it.model, it.participants, place);

/** What the environment may do, as `type at`. */
const offered = (it: BuiltModel, place: Place = startOf(it)): readonly string[] =>
  waysOf(it, place).flatMap(({ choice }) => {
    if (choice.kind !== 'offer') return [];
    const { ioba, device } = choice.message as { readonly ioba?: bigint; readonly device?: unknown };
    return [
      `${choice.message.type}${ioba === undefined ? '' : ` ${ioba}`}${device === undefined ? '' : '+'}`,
    ];
  });

/** The place after the ways with these numbers. */
const after = (it: BuiltModel, ...numbers: readonly number[]): Place =>
  numbers.reduce((place, number) => waysOf(it, place)[number]!.next, startOf(it));

/** What is under way goes on, one after the other. */
function rested(it: BuiltModel, from: Place): Place {
  let place = from;
  for (;;) {
    const own = waysOf(it, place).find(({ choice }) => choice.kind !== 'offer');
    if (own === undefined) return place;
    place = own.next;
  }
}

describe('a process', () => {
  const steps = [get('0x0'), get('0x1000')];

  test('takes its steps one after the other, and then no more', () => {
    const it = built([{ name: 'vcpu0', steps }]);
    expect([offered(it), offered(it, after(it, 0)), offered(it, after(it, 0, 0))]).toEqual([
      ['H_GET_TCE 0'],
      ['H_GET_TCE 4096'],
      [],
    ]);
  });

  test('takes each step once, in any order', () => {
    const it = built([{ name: 'vcpu0', steps, order: 'any' }]);
    expect(offered(it)).toEqual(['H_GET_TCE 0', 'H_GET_TCE 4096']);
    expect(offered(it, after(it, 1))).toEqual(['H_GET_TCE 0']);
    expect(after(it, 1, 0).environment).toEqual(after(it, 0, 0).environment);
  });

  test.each`
    order         | first                                | second
    ${'sequence'} | ${['H_GET_TCE 0']}                   | ${['H_GET_TCE 4096']}
    ${'any'}      | ${['H_GET_TCE 0', 'H_GET_TCE 4096']} | ${['H_GET_TCE 0', 'H_GET_TCE 4096']}
  `('that repeats comes back to where it began: $order', ({ order, first, second }) => {
    const it = built([{ name: 'vcpu0', steps, order, repeats: true }]);
    expect([offered(it), offered(it, after(it, 0))]).toEqual([first, second]);
    expect(after(it, 0, 0).environment).toEqual(startOf(it).environment);
  });

  test('goes on beside the others', () => {
    const it = built([
      { name: 'vcpu0', steps: [get('0x0')] },
      { name: 'monitor', steps: [{ do: 'stop' }] },
    ]);
    expect(offered(it)).toEqual(['H_GET_TCE 0', 'stop']);
    expect(offered(it, after(it, 0))).toEqual(['stop']);
  });

  test('leaves out a step that is not for these settings', () => {
    const only = { reallocAtomic: 'false' };
    const processes = [{ name: 'vcpu0', steps: [{ ...get('0x0'), only }, get('0x1000')] }];
    const of = (value: string) => offered(built(processes, {}, { set: { reallocAtomic: value } }));
    expect([of('false'), of('true')]).toEqual([['H_GET_TCE 0'], ['H_GET_TCE 4096']]);
  });
});

describe('a step', () => {
  test('that waits for messages is taken once so many were heard, and they are counted no further', () => {
    const when = { seen: 'hcall-return', times: 2 };
    const it = built([
      { name: 'monitor', steps: [{ do: 'stop', when }] },
      { name: 'vcpu0', steps: [get('0x0')], repeats: true },
    ]);
    expect(offered(it, after(it, 0))).toEqual(['H_GET_TCE 0']);
    expect(offered(it, after(it, 0, 0))).toEqual(['stop', 'H_GET_TCE 0']);
    expect(after(it, 0, 0, 1).environment).toEqual(after(it, 0, 0).environment);
  });

  test('that waits for its own kind counts what the environment sends', () => {
    const it = built([
      { name: 'one', steps: [{ do: 'stop' }] },
      { name: 'other', steps: [{ do: 'cont', when: { seen: 'stop' } }] },
    ]);
    expect([offered(it), offered(it, after(it, 0))]).toEqual([['stop'], ['cont']]);
  });

  test('may not wait for what only machines say to each other', () => {
    const when = { seen: 'VFIO_IOMMU_MAP_DMA' };
    expect(() => built([{ name: 'vcpu0', steps: [{ ...get('0x0'), when }] }])).toThrow(
      "Model 'it', scenario 'it': H_GET_TCE waits for VFIO_IOMMU_MAP_DMA, which the environment never hears",
    );
  });

  test('for when all is quiet waits until no machine can move', () => {
    const plug = { do: 'device_add-vfio', ...NVME, devfn: 16 };
    const it = built(
      [
        { name: 'monitor', steps: [plug] },
        { name: 'vcpu0', steps: [{ ...get('0x0'), when: 'quiescent' }] },
      ],
      { machine: { guest: false, kvm: true, host: HOST } },
    );
    const plugged = after(it, 0);
    expect(offered(it)).toEqual(['device_add+', 'H_GET_TCE 0']);
    expect(offered(it, plugged)).toEqual([]);
    expect(offered(it, rested(it, plugged))).toEqual(['H_GET_TCE 0']);
  });

  test('on a device that is not there yet is possible when it is', () => {
    const dma = { do: 'device-dma', device: 'late', ioba: '0x0', bytes: 8, access: 'read' };
    const it = built([
      { name: 'monitor', steps: [{ do: 'device_add-pci', id: 'late', phb: 0, devfn: 24 }] },
      { name: 'device', steps: [dma] },
    ]);
    expect([offered(it), offered(it, after(it, 0))]).toEqual([['device_add+'], ['device-dma 0']]);
  });

  test('on a mapping knows where it came to lie, and what is not asked for is not remembered', () => {
    const map = { do: 'dma_map', device: 'nic', gpa: '0x50000', bytes: '0x1000', as: 'buffer' };
    const more = {
      machine: { ...machine, guest: true },
      setup: [
        { do: 'system_reset' },
        { do: 'power-on' },
        { do: 'probe', device: 'nic', dmaMask: '0xffffffff' },
      ],
    };
    const access = { do: 'device-dma-mapped', of: 'buffer', bytes: 8, access: 'write' };
    const it = built([{ name: 'driver', steps: [map, access, { do: 'dma_unmap', of: 'buffer' }] }], more);
    const mapped = rested(it, after(it, 0));
    expect(offered(it, after(it, 0))).toEqual([]);
    expect(offered(it, mapped)).toEqual([expect.stringMatching(/^device-dma \d+$/)]);
    const written = waysOf(it, mapped)[0]!.next;
    expect(offered(it, rested(it, written))).toEqual(['dma_unmap+']);
    const forgets = built([{ name: 'driver', steps: [map] }], more);
    expect(after(forgets, 0).environment).toMatchObject({ memory: null });
  });
});

test('when QEMU is gone the host’s kernel ends its files, those of KVM first, and nobody else has to', () => {
  const it = built([{ name: 'monitor', steps: [{ do: 'quit' }] }], {
    machine: { guest: false, kvm: true, host: HOST, devices: [NVME] },
  });
  const gone = after(it, 0);
  expect(offered(it, gone)).toEqual(['exit']);
  const first = waysOf(it, gone)[0]!;
  expect(first.choice).toMatchObject({ to: 'kvm' });
  const second = waysOf(it, rested(it, first.next))[0]!;
  expect(second.choice).toMatchObject({ to: 'vfio-host' });
  expect(offered(it, rested(it, second.next))).toEqual([]);
});
