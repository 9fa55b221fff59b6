import { bytes, liobn } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import {
  cellsOf,
  dma,
  get,
  hcall,
  hcallAnswer,
  L0,
  linesOf,
  piecesOf,
  put,
  type Qemu,
  rtas,
  running,
  send,
  stateOf,
  statusOf,
  systemReset,
  table,
  tceIn,
} from './machine.ts';

const VTY = 0x7100_0000;
const VSCSI = 0x7100_0001;
const VLAN = 0x7100_0002;
const vio = running(
  {
    devices: [
      { driver: 'spapr-pci-host-bridge', index: 0 },
      { driver: 'spapr-vty', reg: VTY, rtceWindowBytes: bytes(0n) },
      { driver: 'spapr-vscsi', reg: VSCSI, rtceWindowBytes: bytes(0x1000_0000n) },
      { driver: 'spapr-vlan', reg: VLAN, rtceWindowBytes: bytes(0x1000_0000n) },
    ],
  },
  put(VSCSI, 0x1000n, 0x5003n),
  put(VLAN, 0x1000n, 0x6003n),
  put(L0, 0x1000n, 0x7003n),
);
const regCrq = (unit: bigint, queue = 0x10_0000n, length = 0x1000n) =>
  hcall({ type: 'H_REG_CRQ', unit, queue, length });
const freeCrq = (unit: bigint) => hcall({ type: 'H_FREE_CRQ', unit });
const bypass = (...args: number[]) => rtas('ibm,set-tce-bypass', args, 1);
const quiesce = rtas('quiesce', [], 1);
const crqOf = (qemu: Qemu, reg: number) => stateOf(qemu).vios.find((device) => device.reg === reg)?.crq;

describe('a VIO table', () => {
  test('is there from the beginning, 4K pages from 0, as large as the device asks', () => {
    expect(table(vio, VSCSI)).toMatchObject({
      mode: 'enabled',
      pageShift: 12,
      busOffset: 0n,
      nbTable: 0x1_0000,
    });
    expect(statusOf(send(vio, put(VSCSI, 0x0fff_f000n, 3n)))).toBe('H_SUCCESS');
    expect(statusOf(send(vio, put(VSCSI, 0x1000_0000n, 3n)))).toBe('H_PARAMETER');
  });

  test('is missing where the device does no DMA', () => {
    expect(statusOf(send(vio, get(VTY, 0n)))).toBe('H_PARAMETER');
  });
});

describe('H_REG_CRQ, in the order of its checks', () => {
  const registered = send(vio, regCrq(BigInt(VSCSI))).qemu;
  test.each`
    case                             | machine       | unit             | queue         | length          | status
    ${'a unit that is not'}          | ${vio}        | ${0x7100_0009n}  | ${1n}         | ${0n}           | ${'H_PARAMETER'}
    ${'a queue of under a page'}     | ${vio}        | ${BigInt(VTY)}   | ${1n}         | ${0xfffn}       | ${'H_PARAMETER'}
    ${'a queue of over 256 MiB'}     | ${vio}        | ${BigInt(VTY)}   | ${1n}         | ${0x1000_0001n} | ${'H_PARAMETER'}
    ${'a queue that is not aligned'} | ${vio}        | ${BigInt(VTY)}   | ${0x10_0800n} | ${0x1000n}      | ${'H_PARAMETER'}
    ${'a device without queues'}     | ${vio}        | ${BigInt(VTY)}   | ${0x10_0000n} | ${0x1000n}      | ${'H_NOT_FOUND'}
    ${'a vlan'}                      | ${vio}        | ${BigInt(VLAN)}  | ${0x10_0000n} | ${0x1000n}      | ${'H_NOT_FOUND'}
    ${'a queue there is already'}    | ${registered} | ${BigInt(VSCSI)} | ${0x10_0000n} | ${0x1000n}      | ${'H_RESOURCE'}
  `('H_REG_CRQ: $case → $status', ({ machine, unit, queue, length, status }) => {
    const refused = send(machine, regCrq(unit, queue, length));
    expect(hcallAnswer(refused)).toEqual({ status, tce: null });
    expect(refused.sent).toHaveLength(1);
    expect(refused.qemu.context).toBe(machine.context);
  });

  test.each([0x1000n, 0x1000_0000n])('H_REG_CRQ: a queue of %d bytes → H_SUCCESS', (length) => {
    const done = send(vio, regCrq(BigInt(VSCSI), 0x10_0000n, length));
    expect(statusOf(done)).toBe('H_SUCCESS');
    expect(crqOf(done.qemu, VSCSI)).toBe('registered');
    expect(linesOf(done)).toEqual([
      `vio_h_reg_crq unit=0x71000001 queue=0x100000 length=0x${length.toString(16)}`,
    ]);
  });

  test('the unit is cut to 32 bits, which a LIOBN is not', () => {
    expect(statusOf(send(vio, regCrq(0x1_7100_0001n)))).toBe('H_SUCCESS');
    expect(linesOf(send(vio, freeCrq(0x1_7100_0001n)))).toEqual(['vio_free_crq unit=0x71000001']);
    expect(statusOf(send(vio, get(0x1_7100_0001n, 0n)))).toBe('H_PARAMETER');
  });
});

describe('H_FREE_CRQ', () => {
  test('of a unit that is not → H_PARAMETER, in silence', () => {
    const refused = send(vio, freeCrq(9n));
    expect(statusOf(refused)).toBe('H_PARAMETER');
    expect(refused.sent).toHaveLength(1);
    expect(refused.qemu.context).toBe(vio.context);
  });

  test('frees the queue of one device, with a line whether there was one or not, and keeps the table', () => {
    for (const machine of [vio, send(vio, regCrq(BigInt(VSCSI))).qemu]) {
      const done = send(machine, freeCrq(BigInt(VSCSI)));
      expect(statusOf(done)).toBe('H_SUCCESS');
      expect(linesOf(done)).toEqual(['vio_free_crq unit=0x71000001']);
      expect(crqOf(done.qemu, VSCSI)).toBe('free');
      expect(tceIn(done.qemu, VSCSI, 0x1000n)).toBe(0x5003n);
    }
  });

  test('lets the device have a queue again', () => {
    const freed = send(send(vio, regCrq(BigInt(VSCSI))).qemu, freeCrq(BigInt(VSCSI))).qemu;
    expect(statusOf(send(freed, regCrq(BigInt(VSCSI))))).toBe('H_SUCCESS');
  });
});

describe('ibm,set-tce-bypass, in the order of its checks', () => {
  test.each`
    case                      | args
    ${'1 argument'}           | ${[VSCSI]}
    ${'3 arguments'}          | ${[VSCSI, 1, 0]}
    ${'a unit that is not'}   | ${[9, 1]}
    ${'a PHB’s LIOBN'}        | ${[L0, 1]}
    ${'a device without DMA'} | ${[VTY, 1]}
  `('set-tce-bypass: $case → PARAM_ERROR', ({ args }) => {
    const refused = send(vio, bypass(...args));
    expect(cellsOf(refused)).toEqual(['PARAM_ERROR']);
    expect(refused.qemu.context).toBe(vio.context);
  });

  test('set-tce-bypass: any enable but 0 turns bypass on, 0 turns it off; the TCEs stay', () => {
    for (const enable of [1, 2, 0xffff_ffff]) {
      const on = send(vio, bypass(VSCSI, enable));
      expect(cellsOf(on)).toEqual(['SUCCESS']);
      expect(on.sent).toHaveLength(1);
      expect([table(on.qemu, VSCSI).bypass, table(on.qemu, VLAN).bypass]).toEqual([true, false]);
      expect(tceIn(on.qemu, VSCSI, 0x1000n)).toBe(0x5003n);
      expect(table(send(on.qemu, bypass(VSCSI, 0)).qemu, VSCSI).bypass).toBe(false);
    }
  });
});

describe('quiesce', () => {
  test('with an argument → PARAM_ERROR, and changes nothing', () => {
    const refused = send(vio, rtas('quiesce', [0], 1));
    expect(cellsOf(refused)).toEqual(['PARAM_ERROR']);
    expect(refused.qemu.context).toBe(vio.context);
  });

  test('zeroes every VIO table and frees every queue, the last device first, without an iommu line', () => {
    const busy = send(send(vio, regCrq(BigInt(VSCSI))).qemu, bypass(VSCSI, 1)).qemu;
    const done = send(busy, quiesce);
    expect(cellsOf(done)).toEqual(['SUCCESS']);
    expect(linesOf(done)).toEqual([
      'vio_free_crq unit=0x71000002',
      'vio_free_crq unit=0x71000001',
      'vio_free_crq unit=0x71000000',
    ]);
    expect([VSCSI, VLAN].map((reg) => tceIn(done.qemu, reg, 0x1000n))).toEqual([0n, 0n]);
    expect(crqOf(done.qemu, VSCSI)).toBe('free');
  });

  test('leaves a bypass on, and the PHBs’ tables alone', () => {
    const done = send(send(vio, bypass(VSCSI, 1)).qemu, quiesce).qemu;
    expect(table(done, VSCSI).bypass).toBe(true);
    expect(tceIn(done, L0, 0x1000n)).toBe(0x7003n);
    const target = { kind: 'vio', liobn: liobn(VSCSI) } as const;
    expect(piecesOf(send(done, dma('read', 0x1000n, 4, target)))[0]?.gpa).toBe(0x1000n);
  });
});

test('a machine reset zeroes VIO tables, frees queues and turns bypass off', () => {
  const busy = send(send(vio, regCrq(BigInt(VSCSI))).qemu, bypass(VSCSI, 1)).qemu;
  const done = send(busy, systemReset);
  expect(linesOf(done).slice(0, 4)).toEqual([
    'iommu_new_table liobn=0x80000000 table=allocated fd=-1',
    'vio_free_crq unit=0x71000002',
    'vio_free_crq unit=0x71000001',
    'vio_free_crq unit=0x71000000',
  ]);
  expect(table(done.qemu, VSCSI).bypass).toBe(false);
  expect(tceIn(done.qemu, VSCSI, 0x1000n)).toBe(0n);
  expect(crqOf(done.qemu, VSCSI)).toBe('free');
});

test('an opcode nobody registered → H_FUNCTION, and changes nothing', () => {
  const refused = send(vio, hcall({ type: 'hcall', opcode: 0x1dn }));
  expect(hcallAnswer(refused)).toEqual({ status: 'H_FUNCTION', tce: null });
  expect(refused.sent).toHaveLength(1);
  expect(refused.qemu.context).toBe(vio.context);
});

test('an answer goes to whoever handed the call on, on its thread', () => {
  const fromKvm = { ...get(L0, 0x1000n), from: 'kvm' } as const;
  expect(send(vio, fromKvm).sent.at(-1)).toMatchObject({ to: 'kvm', thread: 'vcpu0', call: 'H_GET_TCE' });
  expect(send(vio, get(L0, 0n)).sent.at(-1)).toMatchObject({ to: 'guest-kernel' });
});
