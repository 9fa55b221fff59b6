import {
  ALLOCATION_STATES,
  bytes,
  DR_ENTITY_SENSE,
  gpa,
  INDICATORS,
  ISOLATION_STATES,
  threadId,
} from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { setUsable } from '../src/drc.ts';
import { canonicalQemu, type Drc, QEMU_7_2 } from '../src/index.ts';
import {
  after,
  cellsOf,
  create,
  deviceAdd,
  devicePciDel,
  devicePhbDel,
  dma,
  get,
  linesOf,
  monitorAnswer,
  namesOf,
  piecesOf,
  put,
  type Qemu,
  query,
  realize,
  remove,
  rtas,
  running,
  send,
  stateOf,
  statusOf,
  step,
  systemReset,
  windowsAt,
} from './machine.ts';

const phb2 = { driver: 'spapr-pci-host-bridge', index: 2 } as const;
const nvme = { driver: 'pci', id: 'hp2', phb: 2, devfn: 8 } as const;
const PHB = 0x2000_0002;
const SLOT = 0x4002_0008;
const rcu = step(threadId('rcu'));

const isolation = (index: number, state: keyof typeof ISOLATION_STATES) =>
  rtas('set-indicator', [INDICATORS.ISOLATION_STATE, index, ISOLATION_STATES[state]], 1);
const allocation = (index: number, state: keyof typeof ALLOCATION_STATES) =>
  rtas('set-indicator', [INDICATORS.ALLOCATION_STATE, index, ALLOCATION_STATES[state]], 1);
const lamp = (index: number, state: number) => rtas('set-indicator', [INDICATORS.DR, index, state], 1);
const configure = (index: number) => rtas('ibm,configure-connector', [index, 0], 1);
const sense = (index: number) => rtas('get-sensor-state', [DR_ENTITY_SENSE, index], 2);

const withPhb = running({}, deviceAdd(phb2));
const usedPhb = after(withPhb, allocation(PHB, 'USABLE'), isolation(PHB, 'UNISOLATED'), configure(PHB));
const withDevice = after(usedPhb, deviceAdd(nvme));
const usedDevice = after(withDevice, isolation(SLOT, 'UNISOLATED'), configure(SLOT));
const senseOf = (qemu: Qemu, index: number) => cellsOf(send(qemu, sense(index)))[1];

describe('plugging and unplugging a PHB and a device, as recorded in 11-phb-hotplug', () => {
  test('goes through these lines', () => {
    let at = running();
    const lines: string[] = [];
    for (const message of [
      deviceAdd(phb2),
      allocation(PHB, 'USABLE'),
      isolation(PHB, 'UNISOLATED'),
      configure(PHB),
      deviceAdd(nvme),
      isolation(SLOT, 'ISOLATED'),
      lamp(SLOT, 1),
      isolation(SLOT, 'UNISOLATED'),
      configure(SLOT),
      create(24, 32, 2),
      devicePciDel('hp2'),
      lamp(SLOT, 1),
      isolation(SLOT, 'ISOLATED'),
      devicePhbDel(2),
      remove(0x8000_0201),
      isolation(PHB, 'ISOLATED'),
      allocation(PHB, 'UNUSABLE'),
    ]) {
      const stepped = send(at, message);
      lines.push(...linesOf(stepped));
      at = stepped.qemu;
    }
    expect(lines.slice(0, 23)).toEqual([
      'iommu_new_table liobn=0x80000200 table=allocated fd=-1',
      `drc_attach index=${PHB}`,
      `drc_set_allocation_state index=${PHB} state=1`,
      `drc_set_isolation_state index=${PHB} state=1`,
      `drc_set_configured index=${PHB}`,
      `drc_attach index=${SLOT}`,
      `drc_set_isolation_state index=${SLOT} state=0`,
      `drc_set_dr_indicator index=${SLOT} state=1`,
      `drc_set_isolation_state index=${SLOT} state=1`,
      `drc_set_configured index=${SLOT}`,
      'iommu_new_table liobn=0x80000201 table=allocated fd=-1',
      'iommu_ddw_create buid=0x800000020000002 cfgaddr=0 pageBytes=0x1000000 requestedBytes=0x100000000 start=0x800000000000000 liobn=0x80000201',
      `drc_unplug_request index=${SLOT}`,
      `drc_awaiting_quiesce index=${SLOT}`,
      `drc_set_dr_indicator index=${SLOT} state=1`,
      `drc_set_isolation_state index=${SLOT} state=0`,
      `drc_set_isolation_state_finalizing index=${SLOT}`,
      `drc_unplug_request index=${PHB}`,
      `drc_awaiting_quiesce index=${PHB}`,
      'iommu_ddw_remove liobn=0x80000201',
      `drc_set_isolation_state index=${PHB} state=0`,
      `drc_set_allocation_state index=${PHB} state=0`,
      `drc_set_allocation_state_finalizing index=${PHB}`,
    ]);
    const gone = Array.from({ length: 256 }, (_, i) => `drc_unrealize index=${0x4002_00ff - i}`);
    expect(lines.slice(23)).toEqual(gone);
    expect(canonicalQemu(after(at, rcu).context)).toEqual(canonicalQemu(running().context));
  });

  test('tells the guest of each', () => {
    const events = (qemu: Qemu, message: Parameters<typeof send>[1]) =>
      send(qemu, message).sent.flatMap((sent) =>
        sent.type === 'hotplug-event' ? [`${sent.to} ${sent.action} ${sent.resource} ${sent.drcIndex}`] : [],
      );
    expect(events(running(), deviceAdd(phb2))).toEqual([`guest-kernel add phb ${PHB}`]);
    expect(events(usedPhb, deviceAdd(nvme))).toEqual([`guest-kernel add pci ${SLOT}`]);
    expect(events(usedDevice, devicePciDel('hp2'))).toEqual([`guest-kernel remove pci ${SLOT}`]);
    expect(events(usedPhb, devicePhbDel(2))).toEqual([`guest-kernel remove phb ${PHB}`]);
  });
});

describe('a plugged PHB', () => {
  test('has its default window at once, before the guest has taken it', () => {
    expect(windowsAt(withPhb, 2)).toEqual(['0 0x0 262144 x 2^12']);
    expect(cellsOf(send(withPhb, query(2)))[0]).toBe('SUCCESS');
    expect(namesOf(send(running(), deviceAdd(phb2)))).toEqual([
      'spapr_iommu_new_table',
      'spapr_drc_attach',
      'hotplug-event',
      'monitor-return',
    ]);
  });

  test('that the guest does not use goes at once when it is asked for', () => {
    const gone = send(withPhb, devicePhbDel(2));
    expect(namesOf(gone)).toEqual(['spapr_drc_unplug_request', 'monitor-return']);
    expect(stateOf(after(gone.qemu, rcu)).phbs).toHaveLength(1);
  });

  test('that waits for its unplug goes with a machine reset', () => {
    const waiting = after(usedPhb, devicePhbDel(2));
    expect(stateOf(after(waiting, systemReset, rcu)).phbs).toHaveLength(1);
    expect(stateOf(after(usedPhb, systemReset)).phbs).toHaveLength(2);
  });

  test('stays when the guest unisolates it again: it refuses to give it up', () => {
    const kept = after(usedPhb, devicePhbDel(2), isolation(PHB, 'UNISOLATED'));
    expect(stateOf(after(kept, systemReset)).phbs).toHaveLength(2);
    expect(monitorAnswer(send(kept, devicePhbDel(2))).ok).toBe(true);
  });

  test('that has left answers hypercalls until its windows are freed, and no RTAS call or device', () => {
    const mapped = after(usedPhb, put(0x8000_0200, 0n, 3n), devicePhbDel(2), isolation(PHB, 'ISOLATED'));
    const left = after(mapped, allocation(PHB, 'UNUSABLE'));
    expect(statusOf(send(left, get(0x8000_0200, 0n)))).toBe('H_SUCCESS');
    expect(cellsOf(send(left, query(2)))).toEqual(['PARAM_ERROR']);
    expect(stateOf(left).phbs.map(({ mode }) => mode)).toEqual(['present', 'dying']);
    const freed = after(left, rcu);
    expect(statusOf(send(freed, get(0x8000_0200, 0n)))).toBe('H_PARAMETER');
    expect(freed.can(rcu)).toBe(false);
  });

  test('takes along the devices behind it, their connectors and their names', () => {
    const asked = send(usedDevice, devicePhbDel(2));
    expect(monitorAnswer(asked).ok).toBe(true);
    const left = after(asked.qemu, isolation(PHB, 'ISOLATED'), allocation(PHB, 'UNUSABLE'));
    expect(stateOf(left).devices).toEqual([]);
    expect(cellsOf(send(left, sense(SLOT)))).toEqual(['PARAM_ERROR', 0]);
    expect(monitorAnswer(send(left, devicePciDel('hp2'))).error).toContain('no device hp2');
    expect(monitorAnswer(send(left, deviceAdd({ ...nvme, phb: 0 }))).ok).toBe(true);
    expect(stateOf(after(left, rcu, deviceAdd(phb2))).phbs[1]?.slots).toEqual([]);
  });

  test('that comes back before that ends QEMU', () => {
    const left = after(withPhb, devicePhbDel(2));
    const gone = send(left, deviceAdd(phb2));
    expect(namesOf(gone)).toEqual(['qemu-aborted']);
    expect(gone.qemu.value).toBe('aborted');
    expect(windowsAt(after(left, rcu, deviceAdd(phb2)), 2)).toEqual(['0 0x0 262144 x 2^12']);
  });
});

describe('what a monitor command refuses, changing nothing', () => {
  test.each`
    case                                   | machine                            | message                                                                           | error
    ${'a PHB of an index that is taken'}   | ${withPhb}                         | ${deviceAdd(phb2)}                                                                | ${'PHB 2 is there already'}
    ${'a PHB of index 31'}                 | ${withPhb}                         | ${deviceAdd({ ...phb2, index: 31 })}                                              | ${'PHB index 31'}
    ${'a PHB of index -1'}                 | ${withPhb}                         | ${deviceAdd({ ...phb2, index: -1 })}                                              | ${'PHB index -1'}
    ${'a device on a PHB that is not'}     | ${withPhb}                         | ${deviceAdd({ ...nvme, phb: 3 })}                                                 | ${'no PHB 3'}
    ${'a device in a slot that is taken'}  | ${withDevice}                      | ${deviceAdd({ ...nvme, id: 'b' })}                                                | ${'slot 1 function 0 is taken'}
    ${'a device with an id that is taken'} | ${withDevice}                      | ${deviceAdd({ ...nvme, devfn: 16 })}                                              | ${'id hp2 is taken'}
    ${'a VIO device'}                      | ${withPhb}                         | ${deviceAdd({ driver: 'spapr-vscsi', reg: 1, rtceWindowBytes: bytes(0n) })}       | ${'cannot be hot-plugged'}
    ${'memory over other memory'}          | ${withPhb}                         | ${deviceAdd({ driver: 'pc-dimm', gpa: gpa(0xfff_f000n), bytes: bytes(0x2000n) })} | ${'overlaps'}
    ${'unplug of a PHB that is not'}       | ${withPhb}                         | ${devicePhbDel(3)}                                                                | ${'no PHB 3'}
    ${'unplug of the machine’s own PHB'}   | ${withPhb}                         | ${devicePhbDel(0)}                                                                | ${'belongs to the machine'}
    ${'unplug of a device that is not'}    | ${withPhb}                         | ${devicePciDel('hp2')}                                                            | ${'no device hp2'}
    ${'unplug asked for twice'}            | ${after(usedPhb, devicePhbDel(2))} | ${devicePhbDel(2)}                                                                | ${'on its way out'}
  `('$case', ({ machine, message, error }) => {
    const refused = send(machine, message);
    expect(monitorAnswer(refused)).toMatchObject({ ok: false, error: expect.stringContaining(error) });
    expect(refused.sent).toHaveLength(1);
    expect(refused.qemu.context).toBe(machine.context);
  });
});

describe('set-indicator, in the order of its checks', () => {
  test.each`
    case                         | machine       | args                      | nret | status
    ${'2 arguments'}             | ${withPhb}    | ${[9001, PHB]}            | ${1} | ${'PARAM_ERROR'}
    ${'2 return cells'}          | ${withPhb}    | ${[9001, PHB, 1]}         | ${2} | ${'PARAM_ERROR'}
    ${'a connector that is not'} | ${withPhb}    | ${[9001, 0x4003_0000, 1]} | ${1} | ${'NO_SUCH_INDICATOR'}
    ${'another indicator'}       | ${withPhb}    | ${[9000, PHB, 1]}         | ${1} | ${'NO_SUCH_INDICATOR'}
    ${'the lamp of a PHB'}       | ${usedPhb}    | ${[9002, PHB, 1]}         | ${1} | ${'NO_SUCH_INDICATOR'}
    ${'a lamp’s state 4'}        | ${withDevice} | ${[9002, SLOT, 4]}        | ${1} | ${'PARAM_ERROR'}
    ${'allocation of a slot'}    | ${withDevice} | ${[9003, SLOT, 1]}        | ${1} | ${'NO_SUCH_INDICATOR'}
  `('set-indicator: $case → $status, in silence', ({ machine, args, nret, status }) => {
    const refused = send(machine, rtas('set-indicator', args, nret));
    expect(cellsOf(refused)).toEqual([status]);
    expect(refused.sent).toHaveLength(1);
    expect(refused.qemu.context).toBe(machine.context);
  });

  test.each`
    case                                  | machine                                             | message
    ${'isolation to a state 2'}           | ${usedPhb}                                          | ${rtas('set-indicator', [9001, PHB, 2], 1)}
    ${'allocation to a state 2'}          | ${usedPhb}                                          | ${rtas('set-indicator', [9003, PHB, 2], 1)}
    ${'unisolating an empty slot'}        | ${usedPhb}                                          | ${isolation(SLOT, 'UNISOLATED')}
    ${'unisolating a PHB not yet usable'} | ${withPhb}                                          | ${isolation(PHB, 'UNISOLATED')}
    ${'a PHB that is not made usable'}    | ${running()}                                        | ${allocation(PHB, 'USABLE')}
    ${'isolating what is not configured'} | ${after(withDevice, isolation(SLOT, 'UNISOLATED'))} | ${isolation(SLOT, 'ISOLATED')}
    ${'making a PHB in use unusable'}     | ${usedPhb}                                          | ${allocation(PHB, 'UNUSABLE')}
  `('set-indicator: $case → NO_SUCH_INDICATOR, with its line', ({ machine, message }) => {
    const refused = send(machine, message);
    expect(cellsOf(refused)).toEqual(['NO_SUCH_INDICATOR']);
    expect(refused.sent).toHaveLength(2);
    expect(refused.qemu.context).toBe(machine.context);
  });

  test.each`
    case                             | machine       | message
    ${'isolating an empty slot'}     | ${usedPhb}    | ${isolation(SLOT, 'ISOLATED')}
    ${'isolating an isolated slot'}  | ${withDevice} | ${isolation(SLOT, 'ISOLATED')}
    ${'a usable PHB made usable'}    | ${usedPhb}    | ${allocation(PHB, 'USABLE')}
    ${'an absent PHB made unusable'} | ${running()}  | ${allocation(PHB, 'UNUSABLE')}
    ${'a lamp'}                      | ${withDevice} | ${lamp(SLOT, 3)}
    ${'the lamp of an empty slot'}   | ${usedPhb}    | ${lamp(SLOT, 0)}
  `('set-indicator: $case → SUCCESS, and changes nothing', ({ machine, message }) => {
    const done = send(machine, message);
    expect(cellsOf(done)).toEqual(['SUCCESS']);
    expect(done.sent).toHaveLength(2);
    expect(done.qemu.context).toBe(machine.context);
  });

  test('a PHB that the guest gave back without being asked can be taken again', () => {
    const back = after(usedPhb, isolation(PHB, 'ISOLATED'), allocation(PHB, 'UNUSABLE'));
    expect(stateOf(back).phbs).toHaveLength(2);
    expect(senseOf(back, PHB)).toBe(2);
    expect(cellsOf(send(back, allocation(PHB, 'USABLE')))).toEqual(['SUCCESS']);
  });

  test('a PHB that the guest gave back goes at once when it is asked for', () => {
    const waiting = after(usedPhb, isolation(PHB, 'ISOLATED'), allocation(PHB, 'UNUSABLE'));
    const unplugged = send(waiting, devicePhbDel(2));
    expect(namesOf(unplugged)).toEqual(['spapr_drc_unplug_request', 'monitor-return']);
  });

  test('a connector that waits for its unplug is not made usable', () => {
    const waiting: Drc = {
      index: PHB,
      kind: 'logical',
      mode: 'unusable',
      occupied: true,
      unplugRequested: true,
    };
    expect(setUsable(waiting)).toEqual({ drc: waiting, status: 'NO_SUCH_INDICATOR', released: false });
  });

  test.each`
    machine          | has
    ${'pseries-3.1'} | ${false}
    ${'pseries-4.0'} | ${true}
  `('$machine has a connector for a PHB that it does not have: $has', ({ machine, has }) => {
    const qemu = running({ config: { ...QEMU_7_2, machine } });
    expect(send(qemu, allocation(PHB, 'UNUSABLE')).sent).toHaveLength(has ? 2 : 1);
  });
});

describe('get-sensor-state', () => {
  test.each`
    case                         | machine       | args                              | nret | cells
    ${'1 argument'}              | ${withPhb}    | ${[DR_ENTITY_SENSE]}              | ${2} | ${['PARAM_ERROR', 0]}
    ${'1 return cell'}           | ${withPhb}    | ${[DR_ENTITY_SENSE, PHB]}         | ${1} | ${['PARAM_ERROR']}
    ${'another sensor'}          | ${withPhb}    | ${[9001, PHB]}                    | ${2} | ${['NO_SUCH_INDICATOR', 0]}
    ${'a connector that is not'} | ${withPhb}    | ${[DR_ENTITY_SENSE, 1]}           | ${2} | ${['PARAM_ERROR', 0]}
    ${'an empty slot'}           | ${usedPhb}    | ${[DR_ENTITY_SENSE, SLOT]}        | ${2} | ${['SUCCESS', 0]}
    ${'a slot with a device'}    | ${withDevice} | ${[DR_ENTITY_SENSE, SLOT]}        | ${2} | ${['SUCCESS', 1]}
    ${'a PHB not yet usable'}    | ${withPhb}    | ${[DR_ENTITY_SENSE, PHB]}         | ${2} | ${['SUCCESS', 2]}
    ${'a PHB in use'}            | ${usedPhb}    | ${[DR_ENTITY_SENSE, PHB]}         | ${2} | ${['SUCCESS', 1]}
    ${'a PHB that is not there'} | ${running()}  | ${[DR_ENTITY_SENSE, PHB]}         | ${2} | ${['SUCCESS', 2]}
    ${'the machine’s own PHB'}   | ${running()}  | ${[DR_ENTITY_SENSE, 0x2000_0000]} | ${2} | ${['SUCCESS', 1]}
  `('get-sensor-state: $case → $cells', ({ machine, args, nret, cells }) => {
    const stepped = send(machine, rtas('get-sensor-state', args, nret));
    expect(cellsOf(stepped)).toEqual(cells);
    expect(stepped.sent).toHaveLength(1);
    expect(stepped.qemu.context).toBe(machine.context);
  });
});

describe('ibm,configure-connector', () => {
  test.each`
    case                          | machine       | args         | nret | status
    ${'1 argument'}               | ${withDevice} | ${[SLOT]}    | ${1} | ${'PARAM_ERROR'}
    ${'2 return cells'}           | ${withDevice} | ${[SLOT, 0]} | ${2} | ${'PARAM_ERROR'}
    ${'a connector that is not'}  | ${withDevice} | ${[1, 0]}    | ${1} | ${'PARAM_ERROR'}
    ${'an empty slot'}            | ${usedPhb}    | ${[SLOT, 0]} | ${1} | ${'NOT_CONFIGURABLE'}
    ${'a slot still isolated'}    | ${withDevice} | ${[SLOT, 0]} | ${1} | ${'NOT_CONFIGURABLE'}
    ${'a PHB not yet unisolated'} | ${withPhb}    | ${[PHB, 0]}  | ${1} | ${'NOT_CONFIGURABLE'}
  `('configure-connector: $case → $status, in silence', ({ machine, args, nret, status }) => {
    const refused = send(machine, rtas('ibm,configure-connector', args, nret));
    expect(cellsOf(refused)).toEqual([status]);
    expect(refused.sent).toHaveLength(1);
    expect(refused.qemu.context).toBe(machine.context);
  });

  test('configure-connector: again what is configured → SUCCESS', () => {
    expect(linesOf(send(usedDevice, configure(SLOT)))).toEqual([`drc_set_configured index=${SLOT}`]);
  });
});

describe('a device', () => {
  test('comes and goes without a change of its PHB’s windows', () => {
    expect(windowsAt(usedDevice, 2)).toEqual(windowsAt(usedPhb, 2));
    const gone = after(usedDevice, devicePciDel('hp2'), isolation(SLOT, 'ISOLATED'));
    expect(canonicalQemu(gone.context)).toEqual(canonicalQemu(usedPhb.context));
  });

  test('that the guest does not use goes at once', () => {
    expect(canonicalQemu(after(withDevice, devicePciDel('hp2')).context)).toEqual(
      canonicalQemu(usedPhb.context),
    );
  });

  test('that waits for its unplug goes with a machine reset, others are ready after it', () => {
    const waiting = after(usedDevice, devicePciDel('hp2'), systemReset);
    expect(stateOf(waiting).devices).toEqual([]);
    const ready = after(withDevice, systemReset);
    expect(monitorAnswer(send(ready, devicePciDel('hp2'))).ok).toBe(true);
    expect(namesOf(send(ready, devicePciDel('hp2')))).toContain('spapr_drc_awaiting_quiesce');
  });
});

test('memory that is plugged is reached by devices at once, before the guest hears of it', () => {
  const dimm = { driver: 'pc-dimm', gpa: gpa(0x1000_0000n), bytes: bytes(0x1000_0000n) } as const;
  const before = running({}, put(0x8000_0000, 0n, 0x1800_0003n));
  expect(piecesOf(send(before, dma('read', 0n, 4)))[0]?.outcome).toBe('zeros');
  const added = send(before, deviceAdd(dimm));
  expect(added.sent[0]).toMatchObject({
    type: 'hotplug-event',
    resource: 'memory',
    memory: { gpa: dimm.gpa, bytes: dimm.bytes },
  });
  expect(piecesOf(send(added.qemu, dma('read', 0n, 4)))[0]?.gpa).toBe(0x1800_0000n);
});

test('a machine that cannot be started as asked says why', () => {
  expect(() => realize({ devices: [phb2, phb2] })).toThrow('PHB 2 is there already');
});
