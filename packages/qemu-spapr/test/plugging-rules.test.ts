import { INDICATORS } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { QEMU_7_2 } from '../src/index.ts';
import {
  after,
  cellsOf,
  deviceAdd,
  devicePciDel,
  devicePhbDel,
  linesOf,
  monitorAnswer,
  type Qemu,
  rtas,
  running,
  send,
  stateOf,
  systemReset,
} from './machine.ts';

const phb2 = { driver: 'spapr-pci-host-bridge', index: 2 } as const;
const phb3 = { driver: 'spapr-pci-host-bridge', index: 3 } as const;
const nvme = { driver: 'pci', id: 'hp2', phb: 2, devfn: 8 } as const;
const PHB = 0x2000_0002;

const isolation = (index: number, state: 'ISOLATED' | 'UNISOLATED') =>
  rtas('set-indicator', [INDICATORS.ISOLATION_STATE, index, state === 'ISOLATED' ? 0 : 1], 1);
const configure = (index: number) => rtas('ibm,configure-connector', [index, 0], 1);
const sense = (index: number) => rtas('get-sensor-state', [9003, index], 2);
const senseOf = (qemu: Qemu, index: number) => cellsOf(send(qemu, sense(index)))[1];
const withPhb2 = running({}, deviceAdd(phb2));

describe('a machine up to pseries-3.1 has no connectors for PHBs', () => {
  const old = running({
    config: { ...QEMU_7_2, machine: 'pseries-3.1' },
    devices: [{ driver: 'spapr-pci-host-bridge', index: 0 }, phb2],
  });

  test.each`
    case        | message            | error
    ${'plug'}   | ${deviceAdd(nvme)} | ${''}
    ${'plug'}   | ${deviceAdd(phb3)} | ${'pseries-3.1 has no connectors for PHBs'}
    ${'unplug'} | ${devicePhbDel(2)} | ${'pseries-3.1 has no connectors for PHBs'}
  `('$case: $error', ({ message, error }) => {
    const answered = send(old, message);
    expect(monitorAnswer(answered)).toMatchObject({ ok: error === '', error });
    if (error !== '') expect(answered.qemu.context).toBe(old.context);
  });

  test('not for those that are there either', () => {
    expect(cellsOf(send(old, sense(PHB)))).toEqual(['PARAM_ERROR', 0]);
    expect(cellsOf(send(old, isolation(PHB, 'ISOLATED')))).toEqual(['NO_SUCH_INDICATOR']);
    expect(cellsOf(send(old, configure(PHB)))).toEqual(['PARAM_ERROR']);
  });

  test('and writes no line of any', () => {
    const lines = (qemu: Qemu) => linesOf(send(qemu, systemReset)).filter((line) => line.startsWith('drc'));
    expect(lines(old)).toEqual([]);
    const newer = running({ devices: [{ driver: 'spapr-pci-host-bridge', index: 0 }, phb2] });
    expect(lines(newer)).toEqual(['drc_reset index=536870912', `drc_reset index=${PHB}`]);
  });
});

describe('functions of one slot', () => {
  const at = (devfn: number) => ({ driver: 'pci', id: `f${devfn}`, phb: 2, devfn }) as const;
  const drc = (devfn: number) => 0x4002_0000 | devfn;
  const eventsOf = (stepped: ReturnType<typeof send>) =>
    stepped.sent.flatMap((sent) =>
      sent.type === 'hotplug-event' ? [`${sent.action} ${sent.drcIndex & 0xff}`] : [],
    );
  const others = after(withPhb2, deviceAdd(at(10)), deviceAdd(at(9)), deviceAdd(at(17)));
  const three = after(others, deviceAdd(at(8)));
  const used = [8, 9].reduce(
    (qemu, devfn) => after(qemu, isolation(drc(devfn), 'UNISOLATED'), configure(drc(devfn))),
    three,
  );

  test('are told to the guest with function 0, the first one first', () => {
    expect(eventsOf(send(withPhb2, deviceAdd(at(9))))).toEqual([]);
    expect(eventsOf(send(others, deviceAdd(at(8))))).toEqual(['add 8', 'add 9', 'add 10']);
  });

  test('come before function 0, or with the machine', () => {
    const late = send(three, deviceAdd(at(11)));
    expect(monitorAnswer(late).error).toBe('slot 1 function 3 comes after function 0');
    expect(late.qemu.context).toBe(three.context);
    const cold = { ...at(8), phb: 0 };
    const devices = [{ driver: 'spapr-pci-host-bridge', index: 0 } as const, cold, { ...at(9), phb: 0 }];
    expect(stateOf(running({ devices })).devices).toHaveLength(2);
  });

  test.each`
    place                              | machine   | devfn | ends
    ${'of function 0'}                 | ${three}  | ${8}  | ${false}
    ${'of another, function 0 there'}  | ${three}  | ${9}  | ${true}
    ${'of another, function 0 absent'} | ${others} | ${9}  | ${true}
  `('in a place $place that is taken: it ends QEMU: $ends', ({ machine, devfn, ends }) => {
    const twice = send(machine, deviceAdd({ ...at(devfn), id: 'another' }));
    expect(twice.qemu.value).toBe(ends ? 'aborted' : 'running');
    const sameName = send(machine, deviceAdd(at(devfn)));
    expect(monitorAnswer(sameName).ok).toBe(false);
  });

  test('are asked for one by one in silence', () => {
    const asked = send(used, devicePciDel('f9'));
    expect(eventsOf(asked)).toEqual([]);
    expect(linesOf(asked)).toEqual([
      `drc_unplug_request index=${drc(9)}`,
      `drc_awaiting_quiesce index=${drc(9)}`,
    ]);
    expect(senseOf(after(asked.qemu, isolation(drc(9), 'ISOLATED')), drc(9))).toBe(0);
  });

  test('are all asked for with function 0; what the guest does not use goes at once', () => {
    const asked = send(used, devicePciDel('f8'));
    expect(eventsOf(asked)).toEqual(['remove 9', 'remove 8']);
    expect(linesOf(asked)).toEqual([
      `drc_unplug_request index=${drc(9)}`,
      `drc_awaiting_quiesce index=${drc(9)}`,
      `drc_unplug_request index=${drc(10)}`,
      `drc_unplug_request index=${drc(8)}`,
      `drc_awaiting_quiesce index=${drc(8)}`,
    ]);
    expect(senseOf(asked.qemu, drc(10))).toBe(0);
    expect(senseOf(asked.qemu, drc(17))).toBe(1);
    expect(monitorAnswer(send(asked.qemu, devicePciDel('f9'))).error).toContain('on its way out');
    expect(senseOf(after(asked.qemu, isolation(drc(9), 'ISOLATED')), drc(9))).toBe(0);
  });

  test('that were asked for before are not asked for again', () => {
    const asked = send(after(used, devicePciDel('f9')), devicePciDel('f8'));
    expect(linesOf(asked)).not.toContain(`drc_unplug_request index=${drc(9)}`);
    expect(eventsOf(asked)).toEqual(['remove 9', 'remove 8']);
  });
});
