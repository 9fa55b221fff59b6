import type { KvmState } from '@spapr-dma/kvm';
import { tce, tceIndex } from '@spapr-dma/protocol';
import { withTce } from '@spapr-dma/tce-table';
import type { Mm, VfioHost } from '@spapr-dma/vfio-host';
import { describe, expect, test } from 'vitest';
import {
  cleared,
  ended,
  hotplug,
  judged,
  kvm,
  plug,
  powernv,
  qemu,
  unplugged,
  vfio,
  withEntry,
} from './host-judged.ts';
import { BOOT, EMULATED, hostSteps, NVME } from './host-systems.ts';

describe('replay, errors and ends', () => {
  test('S-18: an entry that was changed while it was replayed is as it was', () => {
    const replayed = hostSteps([...BOOT, plug], { devices: [EMULATED] }, 'newest');
    const mapping = replayed.findIndex(({ moved }) => moved.delivered?.message.type === 'VFIO_IOMMU_MAP_DMA');
    const changed = kvm(
      replayed,
      (each) => ({
        ...each,
        tables: each.tables.map((table) => ({ ...table, view: withTce(table.view, tceIndex(1), tce(0n)) })),
      }),
      mapping,
    );
    expect(judged('S-18', replayed)).toEqual({ text: null, reached: true });
    expect(judged('S-18', changed).text).toMatch(
      /^A replay mapped an entry .* At 0x1000 LIOBN 0x80000000 has 0x0/,
    );
  });

  test('S-19: a hypercall succeeds without its effect', () => {
    const answered = cleared.findLastIndex(({ moved }) =>
      moved.sent.some(({ message }) => message.type === 'hcall-return' && message.to === 'guest-kernel'),
    );
    const left = powernv(cleared.slice(0, answered + 1), withEntry(2, 0x10_0005_1003n));
    expect(judged('S-19', left).text).toMatch(
      /^H_(STUFF|PUT)_TCE returned H_SUCCESS\. At 0x2000 LIOBN 0x80000000/,
    );
  });

  test('L-3: what was mapped before is not in the hardware (B-03)', () => {
    const plugged = hotplug.findLastIndex(({ moved }) =>
      moved.sent.some(({ message }) => message.type === 'monitor-return'),
    );
    const missing = powernv(hotplug, withEntry(2, 0n), plugged);
    expect(judged('L-3', missing).text).toMatch(
      /^What the guest had mapped before the device came is not there\. At 0x2000/,
    );
  });

  test('L-4: something is left of the last device', () => {
    const owned = powernv(
      unplugged,
      (platform) => ({
        ...platform,
        groups: platform.groups.map((group) => ({ ...group, owner: 'vfio' })),
      }),
      hotplug.length,
    );
    expect(judged('L-4', owned).text).toBe(
      "The last passed-through device is unplugged, and group 0 is still VFIO's.",
    );
    const listened = qemu(
      unplugged,
      (each) => ({
        ...each,
        tables: each.tables.map((table) => ({ ...table, needVfio: true })),
      }),
      hotplug.length,
    );
    expect(judged('L-4', listened).text).toContain('LIOBN 0x80000000 is still marked as listened to.');
  });

  test('L-5: memory of a QEMU that is gone stays pinned', () => {
    const before = hotplug.at(-1)!.moved.state.snapshots['vfio-host']!.context as VfioHost;
    const left = before.mms.map((mm): Mm => ({ ...mm, mode: 'leaked' }));
    const exit = ended.findIndex(
      ({ moved }) => moved.delivered?.message.type === 'exit' && moved.delivered.to === 'vfio-host',
    );
    const leaked = vfio(ended, (host) => ({ ...host, mms: left }), exit);
    expect(judged('L-5', leaked).text).toMatch(
      /^QEMU is gone, and 0x[0-9a-f]+ bytes .* stay pinned for ever\.$/,
    );
    const owned = powernv(
      ended,
      (platform) => ({
        ...platform,
        groups: platform.groups.map((group) => ({ ...group, owner: 'vfio' })),
      }),
      0,
    );
    expect(judged('L-5', owned).text).toBe("QEMU is gone, and group 0 is still VFIO's.");
  });

  test('L-7: RCU frees in another order, or never', () => {
    const waiting = unplugged.findIndex(
      ({ moved }) => (moved.state.snapshots.kvm!.context as KvmState).rcu.callbacks.length > 0,
    );
    const stuck = unplugged.slice(0, waiting + 1);
    expect(judged('L-7', stuck).text).toBe('RCU never frees hardware table 1.');
    const view = { free: { kind: 'table', stt: 5 }, readers: [] } as const;
    const behind = kvm(stuck, (each) => ({
      ...each,
      rcu: { ...each.rcu, callbacks: [...each.rcu.callbacks, view] },
    }));
    const last = behind.at(-1)!;
    const overtaken = kvm([...behind, { ...last, before: last.moved.state }], (each) => ({
      ...each,
      rcu: { ...each.rcu, callbacks: each.rcu.callbacks.slice(0, 1) },
    }));
    expect(judged('L-7', overtaken).text).toBe(
      'RCU frees view 5 before hardware table 1, which waits longer.',
    );
  });

  test('L-8: a call goes round', () => {
    const handed = hotplug.findIndex(
      ({ moved }) =>
        moved.delivered?.message.from === 'kvm' && moved.delivered.message.type.startsWith('ibm,'),
    );
    const again = Array.from({ length: 3 }, () => hotplug[handed]!);
    const circling = [...hotplug.slice(0, handed), ...again];
    expect(judged('L-8', circling).text).toBe('ibm,query-pe-dma-window of vcpu0 is handed on 4 times.');
  });

  /** A dynamic window of 2^31 entries, and a device that is passed through afterwards. */
  const huge = [
    { do: 'system_reset' },
    { do: 'ibm,create-pe-dma-window', phb: 0, pageShift: 16, windowShift: 47 },
    plug,
  ];
  const host = (memlockKb: number | null) => ({
    pageShift: 16,
    ...(memlockKb === null ? {} : { memlockKb }),
    phbs: [{ phb: 1, devices: [{ device: NVME.host }] }],
  });

  test.each([
    ['newest', "qdev_device_add holds QEMU's big lock for 172 s, and a vCPU that needs QEMU waits so long"],
    ['repaired', null],
  ])('L-2: a device comes to a window of 2^31 empty entries in %s (B-52)', (preset, text) => {
    const steps = hostSteps(huge, { guest: false, host: host(null), phbs: [] }, preset, {}, 'power9');
    const found = judged('L-2', steps);
    expect(found.reached).toBe(true);
    if (text === null) expect(found.text).toBeNull();
    else expect(found.text).toContain(text);
  });

  test.each([
    ['unfixed', 'abort', /^QEMU ends on ibm,create-pe-dma-window: hardware error: vfio/],
    ['fixed', 'rtasError', null],
  ])(
    'S-21: the host has no memory for a window that the guest creates, createFailure %s (B-59)',
    (_, createFailure, text) => {
      const limited = { guest: false, host: host(2_200_000), phbs: [], devices: [NVME] };
      const script = huge.slice(0, 2);
      const found = judged('S-21', hostSteps(script, limited, 'newest', { createFailure }, 'power9'));
      if (text === null) expect(found).toEqual({ text: null, reached: true });
      else expect(found.text).toMatch(text);
    },
  );
});
