import { threadId } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { createActor } from 'xstate';
import { type QemuReceived, qemuMachine } from '../src/index.ts';
import {
  after,
  cont,
  create,
  deviceAdd,
  devicePciDel,
  devicePhbDel,
  dma,
  get,
  hcall,
  indirect,
  L0,
  L1,
  migrate,
  migrateIncoming,
  namesOf,
  put,
  query,
  realize,
  register,
  remove,
  reset,
  rtas,
  running,
  send,
  step,
  stop,
  stuff,
  systemReset,
  table,
  unregister,
  VCPU0,
} from './machine.ts';

const phb1 = deviceAdd({ driver: 'spapr-pci-host-bridge', index: 1 });
const rcu = step(threadId('rcu'));

/** One message of every kind. */
const ALL: Readonly<Record<string, QemuReceived>> = {
  H_PUT_TCE: put(L0, 0n, 3n),
  H_PUT_TCE_INDIRECT: indirect(L0, 0n, [3n]),
  H_STUFF_TCE: stuff(L0, 0n, 0n, 1n),
  H_GET_TCE: get(L0, 0n),
  H_REG_CRQ: hcall({ type: 'H_REG_CRQ', unit: 0n, queue: 0n, length: 0n }),
  H_FREE_CRQ: hcall({ type: 'H_FREE_CRQ', unit: 0n }),
  hcall: hcall({ type: 'hcall', opcode: 0x1dn }),
  'ibm,query-pe-dma-window': query(),
  'ibm,create-pe-dma-window': create(16, 20),
  'ibm,remove-pe-dma-window': remove(L0),
  'ibm,reset-pe-dma-window': reset(),
  'ibm,set-tce-bypass': rtas('ibm,set-tce-bypass', [], 1),
  quiesce: rtas('quiesce', [], 1),
  'set-indicator': rtas('set-indicator', [], 1),
  'get-sensor-state': rtas('get-sensor-state', [], 2),
  'ibm,configure-connector': rtas('ibm,configure-connector', [], 1),
  rtas: rtas('rtas', [], 1),
  device_add: phb1,
  device_del: devicePciDel('none'),
  system_reset: systemReset,
  stop,
  cont,
  migrate,
  'migrate-incoming': migrateIncoming({ version: 3, phbs: [], drcs: [], tables: [] }),
  'device-dma': dma('read', 0n, 4),
  'register-iommu-notifier': register(),
  'unregister-iommu-notifier': unregister(),
  step: step(),
  quit: { type: 'quit', from: 'environment', to: 'qemu-spapr' },
  kill: { type: 'kill', from: 'environment', to: 'qemu-spapr' },
  'kvm-return': {
    type: 'kvm-return',
    from: 'kvm',
    to: 'qemu-spapr',
    thread: VCPU0,
    call: 'close',
    result: { ok: true, value: 0 },
  },
  'vfio-return': {
    type: 'vfio-return',
    from: 'vfio-host',
    to: 'qemu-spapr',
    thread: VCPU0,
    call: 'close',
    result: { ok: false, errno: 'EBADF' },
  },
  'view-return': {
    type: 'view-return',
    from: 'kvm',
    to: 'qemu-spapr',
    thread: VCPU0,
    call: 'view_load',
    tce: 0n,
    runs: [],
    faults: 0,
  },
};
const GUEST_CALLS = Object.keys(ALL).slice(0, 17);

const MODES = {
  realized: realize(),
  running: running(),
  creatingWindow: running({}, register(), create(16, 20)),
  paused: running({}, stop),
  aborted: send(running({}, create(16, 48)), create(16, 30)).qemu,
  exited: send(running(), ALL.quit!).qemu,
};
/** The mode as the chart names it. */
const VALUES: Readonly<Record<string, unknown>> = {
  creatingWindow: { busy: { creatingWindow: 'showingWindow' } },
};
const chartValueOf = (mode: string): unknown => VALUES[mode] ?? mode;
const LISTENING = ['register-iommu-notifier', 'unregister-iommu-notifier'];

const TAKES: Readonly<Record<keyof typeof MODES, readonly string[]>> = {
  realized: ['device_add', 'system_reset', 'quit', 'kill', ...LISTENING],
  running: [
    ...GUEST_CALLS,
    'device_add',
    'device_del',
    'system_reset',
    'stop',
    'migrate',
    'migrate-incoming',
    'device-dma',
    'quit',
    'kill',
    ...LISTENING,
  ],
  creatingWindow: ['device-dma', 'step', 'kill'],
  paused: [
    'device_add',
    'device_del',
    'system_reset',
    'cont',
    'migrate',
    'migrate-incoming',
    'quit',
    'kill',
    ...LISTENING,
  ],
  aborted: [],
  exited: [],
};

describe('which messages are understood', () => {
  test.each(Object.keys(MODES) as (keyof typeof MODES)[])('in the mode %s', (mode) => {
    const qemu = MODES[mode];
    expect(qemu.value).toEqual(chartValueOf(mode));
    expect(
      Object.keys(ALL)
        .filter((name) => qemu.can(ALL[name]!))
        .sort(),
    ).toEqual([...TAKES[mode]].sort());
  });

  test('what a mode does not take changes nothing and sends nothing', () => {
    for (const [mode, qemu] of Object.entries(MODES)) {
      for (const message of Object.values(ALL).filter((each) => !qemu.can(each))) {
        const stepped = send(qemu, message);
        expect(stepped.qemu.value).toEqual(chartValueOf(mode));
        expect(stepped.qemu.context).toBe(qemu.context);
        expect(stepped.sent).toEqual([]);
      }
    }
  });

  test('the list names every message that the chart declares', () => {
    expect(Object.keys(ALL).sort()).toEqual([...qemuMachine.events].sort());
  });
});

describe('mode and message in, mode and messages out', () => {
  test.each`
    from                | message                   | to                  | sent
    ${'realized'}       | ${phb1}                   | ${'realized'}       | ${['spapr_drc_attach', 'monitor-return']}
    ${'realized'}       | ${systemReset}            | ${'running'}        | ${['spapr_iommu_new_table', 'spapr_vio_free_crq', 'spapr_vio_free_crq', 'spapr_drc_reset']}
    ${'running'}        | ${put(L0, 0n, 3n)}        | ${'running'}        | ${['spapr_iommu_put', 'hcall-return']}
    ${'running'}        | ${get(L0, 0n)}            | ${'running'}        | ${['spapr_iommu_get', 'hcall-return']}
    ${'running'}        | ${stuff(L0, 0n, 0n, 1n)}  | ${'running'}        | ${['cost', 'spapr_iommu_stuff', 'hcall-return']}
    ${'running'}        | ${indirect(L0, 0n, [3n])} | ${'running'}        | ${['spapr_iommu_indirect', 'hcall-return']}
    ${'running'}        | ${query()}                | ${'running'}        | ${['spapr_iommu_ddw_query', 'rtas-return']}
    ${'running'}        | ${create(16, 20)}         | ${'running'}        | ${['spapr_iommu_new_table', 'spapr_iommu_ddw_create', 'rtas-return']}
    ${'running'}        | ${remove(L0)}             | ${'running'}        | ${['spapr_iommu_ddw_remove', 'rtas-return']}
    ${'running'}        | ${reset()}                | ${'running'}        | ${['spapr_iommu_new_table', 'spapr_iommu_ddw_reset', 'rtas-return']}
    ${'running'}        | ${systemReset}            | ${'running'}        | ${['spapr_iommu_new_table', 'spapr_vio_free_crq', 'spapr_vio_free_crq', 'spapr_drc_reset']}
    ${'running'}        | ${stop}                   | ${'paused'}         | ${['monitor-return']}
    ${'running'}        | ${migrate}                | ${'paused'}         | ${['spapr_iommu_pre_save', 'spapr_iommu_pre_save', 'monitor-return']}
    ${'running'}        | ${dma('read', 0n, 4)}     | ${'running'}        | ${['spapr_iommu_xlate', 'dma-done']}
    ${'creatingWindow'} | ${dma('read', 0n, 4)}     | ${'creatingWindow'} | ${['spapr_iommu_xlate', 'dma-done']}
    ${'creatingWindow'} | ${step()}                 | ${'running'}        | ${['spapr_iommu_ddw_create', 'rtas-return']}
    ${'realized'}       | ${ALL.quit}               | ${'exited'}         | ${['monitor-return']}
    ${'paused'}         | ${register()}             | ${'paused'}         | ${['cost']}
    ${'paused'}         | ${cont}                   | ${'running'}        | ${['monitor-return']}
    ${'paused'}         | ${systemReset}            | ${'paused'}         | ${['spapr_iommu_new_table', 'spapr_vio_free_crq', 'spapr_vio_free_crq', 'spapr_drc_reset']}
    ${'paused'}         | ${migrate}                | ${'paused'}         | ${['spapr_iommu_pre_save', 'spapr_iommu_pre_save', 'monitor-return']}
    ${'paused'}         | ${phb1}                   | ${'paused'}         | ${['spapr_iommu_new_table', 'spapr_drc_attach', 'hotplug-event', 'monitor-return']}
  `('$from, $message.type → $to, $sent', ({ from, message, to, sent }) => {
    const stepped = send(MODES[from as keyof typeof MODES], message);
    expect(stepped.qemu.value).toEqual(chartValueOf(to));
    expect(namesOf(stepped)).toEqual(sent);
  });

  test('only the thread whose create waits can end it', () => {
    const { creatingWindow } = MODES;
    expect(creatingWindow.can(step(threadId('vcpu1')))).toBe(false);
    expect(send(creatingWindow, step(threadId('vcpu1'))).qemu.value).toEqual(chartValueOf('creatingWindow'));
    expect(table(creatingWindow, L1).skippingReplay).toBe(true);
    const done = send(creatingWindow, step());
    expect(table(done.qemu, L1).skippingReplay).toBe(false);
    expect(done.qemu.context.creating).toBeNull();
  });

  test('only the RCU thread frees what an unplugged PHB left behind, running or paused', () => {
    const dying = after(MODES.running, phb1, devicePhbDel(1));
    for (const machine of [dying, after(dying, stop)]) {
      expect(machine.can(step())).toBe(false);
      const freed = send(machine, rcu);
      expect(freed.sent).toEqual([]);
      expect(freed.qemu.value).toBe(machine.value);
      expect(freed.qemu.context.tables).toHaveLength(2);
    }
  });
});

test('a live actor sends the same messages, to whoever listens', () => {
  const actor = createActor(qemuMachine, { input: {} });
  const heard: string[] = [];
  actor.on('*', (message) => heard.push(message.type === 'trace' ? message.line.event : message.type));
  actor.start();
  for (const message of [systemReset, create(16, 20), put(L1, 1n << 59n, 3n)]) actor.send(message);
  expect(heard).toEqual([
    ...namesOf(send(realize(), systemReset)),
    ...namesOf(send(running(), create(16, 20))),
    ...namesOf(send(running(), put(L1, 0n, 3n))),
  ]);
  actor.stop();
});
