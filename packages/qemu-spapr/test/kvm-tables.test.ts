import { bytes, gpa, type KvmCall, threadId } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { canonicalQemu } from '../src/index.ts';
import { afterWith, besideKvm, FakeKvm, sendWith, startMain } from './kvm-fake.ts';
import { PHB, runs, started, VSCSI } from './kvm-machine.ts';
import {
  cellsOf,
  cont,
  create,
  DYNAMIC,
  deviceAdd,
  devicePhbDel,
  enabled,
  get,
  hcallAnswer,
  L0,
  L1,
  linesOf,
  monitorAnswer,
  namesOf,
  put,
  type Qemu,
  realize,
  remove,
  reset,
  rtas,
  send,
  step,
  stop,
  systemReset,
  table,
} from './machine.ts';

describe('a machine beside KVM starts', () => {
  test('by a step of its main thread, with its memory, its hypercalls and its VIO views', () => {
    const qemu = realize({ config: besideKvm(), devices: [PHB, VSCSI] });
    expect(qemu.value).toEqual({ busy: { starting: 'starting' } });
    expect(qemu.can(systemReset)).toBe(false);
    expect(qemu.can(step())).toBe(false);
    const kvm = new FakeKvm();
    const at = afterWith(kvm, qemu, startMain);
    expect(at.value).toBe('realized');
    expect(kvm.asked()).toEqual([
      'KVM_SET_USER_MEMORY_REGION 0 0x0 0x10000000 0x7f0000000000',
      'KVM_ENABLE_CAP KVM_CAP_PPC_ENABLE_HCALL H_PUT_TCE_INDIRECT',
      'KVM_ENABLE_CAP KVM_CAP_PPC_ENABLE_HCALL H_STUFF_TCE',
      'KVM_CREATE_SPAPR_TCE_64 0x71000002 12 0 0x0 0x10000',
      'mmap 1000 0x80000',
    ]);
    expect(enabled(at, VSCSI.reg).fd).toBe(1000);
  });

  test('with H_STUFF_TCE left to QEMU where KVM does not take lists', () => {
    const kvm = new FakeKvm();
    kvm.refuse = ({ type }) => (type === 'KVM_ENABLE_CAP' ? 'EINVAL' : undefined);
    afterWith(kvm, realize({ config: besideKvm() }), startMain);
    expect(kvm.asked().filter((line) => line.startsWith('KVM_ENABLE_CAP'))).toEqual([
      'KVM_ENABLE_CAP KVM_CAP_PPC_ENABLE_HCALL H_PUT_TCE_INDIRECT',
    ]);
    const { kvm: old } = started(besideKvm({ multiTce: false }));
    expect(old.asked().filter((line) => line.startsWith('KVM_ENABLE_CAP'))).toEqual([]);
  });

  test('and ends where a device of the command line cannot be realized', () => {
    const kvm = new FakeKvm();
    const at = sendWith(kvm, realize({ config: besideKvm(), devices: [PHB, PHB] }), startMain);
    expect(at.qemu.value).toBe('exited');
    expect(at.sent.filter(({ type }) => type === 'monitor-return')).toMatchObject([
      { ok: true },
      { ok: false, error: 'PHB 0 is there already' },
    ]);
  });
});

test('the first reset makes the default window in KVM, maps it, and writes every entry of it', () => {
  const { kvm, qemu } = started(besideKvm(), [PHB]);
  kvm.asked();
  const at = sendWith(kvm, qemu, systemReset);
  expect(at.qemu.value).toBe('running');
  expect(kvm.asked()).toEqual([
    'KVM_CREATE_SPAPR_TCE_64 0x80000000 12 0 0x0 0x40000',
    'mmap 1000 0x200000',
    'view_store 0x80000000 0 0x40000 0x0',
  ]);
  expect(linesOf(at)[0]).toBe('iommu_new_table liobn=0x80000000 table=allocated fd=1000');
  expect(enabled(at.qemu, L0).fd).toBe(1000);
});

const withoutTce64 = { spaprTce64: false };
test.each`
  case                                             | caps                   | shift | window | asked
  ${'a dynamic window, page shift and start told'} | ${{}}                  | ${16} | ${30}  | ${'KVM_CREATE_SPAPR_TCE_64 0x80000001 16 0 0x80000000000 0x4000'}
  ${'the old interface: only windows at 0'}        | ${withoutTce64}        | ${16} | ${30}  | ${undefined}
  ${'neither interface'}                           | ${{ spaprTce: false }} | ${16} | ${30}  | ${undefined}
`('a guest view is asked of KVM: $case', ({ caps, shift, window, asked }) => {
  const { kvm, qemu } = runs(besideKvm(caps));
  const at = afterWith(kvm, qemu, create(shift, window));
  expect(kvm.asked()[0]).toBe(asked);
  expect(enabled(at, L1).fd).toBe(asked === undefined ? -1 : 1001);
});

describe('the old interface', () => {
  test('takes a window of less than 4 GiB at 0', () => {
    const kvm = new FakeKvm();
    const qemu = realize({ config: besideKvm(withoutTce64), devices: [PHB] });
    const at = afterWith(kvm, qemu, startMain, systemReset);
    expect(kvm.asked()).toContain('KVM_CREATE_SPAPR_TCE 0x80000000 0x40000000');
    expect(enabled(at, L0).fd).toBe(1000);
  });
  test('and not one of 4 GiB', () => {
    const kvm = new FakeKvm();
    const big = { ...PHB, dmaWinSize: bytes(0x1_0000_0000n) };
    const at = afterWith(
      kvm,
      realize({ config: besideKvm(withoutTce64), devices: [big] }),
      startMain,
      systemReset,
    );
    expect(kvm.asked().join()).not.toContain('KVM_CREATE_SPAPR_TCE');
    expect(enabled(at, L0).fd).toBe(-1);
  });
});

describe('where KVM cannot make the view', () => {
  const failing = (type: KvmCall['type']) => {
    const { kvm, qemu } = runs();
    kvm.refuse = (call) => (call.type === type ? 'ENOMEM' : undefined);
    return { kvm, stepped: sendWith(kvm, qemu, create(16, 20)) };
  };
  test('it is QEMU’s, and the guest hears nothing of it', () => {
    const { stepped } = failing('KVM_CREATE_SPAPR_TCE_64');
    expect(linesOf(stepped)[0]).toBe('iommu_new_table liobn=0x80000001 table=allocated fd=-1');
    expect(cellsOf(stepped)[0]).toBe('SUCCESS');
    expect(tceOf(send(stepped.qemu, put(L1, DYNAMIC, 0x5003n)).qemu, DYNAMIC)).toBe(0x5003n);
  });
  test('and so where it cannot be mapped; what was made is closed', () => {
    const { kvm, stepped } = failing('mmap');
    expect(kvm.asked()).toEqual([
      'KVM_CREATE_SPAPR_TCE_64 0x80000001 16 0 0x80000000000 0x10',
      'mmap 1001 0x80',
      'close 1001',
    ]);
    expect(enabled(stepped.qemu, L1).fd).toBe(-1);
  });
  const tceOf = (qemu: Qemu, at: bigint) => hcallAnswer(send(qemu, get(L1, at))).tce;
});

test('a window that goes closes its view; the LIOBN is unknown to KVM then', () => {
  const { kvm, qemu } = runs();
  const at = afterWith(kvm, qemu, create(16, 20));
  kvm.asked();
  const removed = sendWith(kvm, at, remove(L1));
  expect(kvm.asked()).toEqual(['close 1001']);
  expect(namesOf(removed)).toEqual(['spapr_iommu_ddw_remove', 'cost', 'close', 'rtas-return']);
  expect(table(removed.qemu, L1).mode).toBe('disabled');
  expect([...kvm.views.keys()]).toEqual([L0]);
});

test('a reset of windows closes the old view before it makes the new one', () => {
  const { kvm, qemu } = runs();
  afterWith(kvm, qemu, reset());
  expect(kvm.asked()).toEqual([
    'close 1000',
    'KVM_CREATE_SPAPR_TCE_64 0x80000000 12 0 0x0 0x4',
    'mmap 1000 0x20',
  ]);
});

test('quiesce writes a VIO view in KVM over', () => {
  const { kvm, qemu } = runs(besideKvm(), [PHB, VSCSI]);
  kvm.put(VSCSI.reg as never, 5, 0x5003n);
  sendWith(kvm, qemu, rtas('quiesce', [], 1));
  expect(kvm.asked()).toEqual(['view_store 0x71000002 0 0x10000 0x0']);
  expect(kvm.at(VSCSI.reg as never, 5)).toBe(0n);
});

test('what a PHB leaves behind in KVM is closed by the RCU callback, not before', () => {
  const { kvm, qemu } = runs();
  const gone = afterWith(
    kvm,
    qemu,
    deviceAdd({ driver: 'spapr-pci-host-bridge', index: 1 }),
    devicePhbDel(1),
  );
  expect(kvm.asked().at(-1)).not.toContain('close');
  const freed = afterWith(kvm, gone, step(threadId('rcu')));
  expect(kvm.asked()).toEqual(['close 1001']);
  expect(freed.context.tables).toHaveLength(2);
});

describe('memory', () => {
  const dimm = { driver: 'pc-dimm', gpa: gpa(0x2000_0000n), bytes: bytes(0x1000_0000n) } as const;
  const dimmDel = {
    type: 'device_del',
    from: 'environment',
    to: 'qemu-spapr',
    target: { kind: 'memory', gpa: dimm.gpa },
  } as const;
  test('that comes has KVM’s lowest free slot; the guest hears of it afterwards', () => {
    const { kvm, qemu } = runs();
    const at = sendWith(kvm, qemu, deviceAdd(dimm));
    expect(kvm.asked()).toEqual(['KVM_SET_USER_MEMORY_REGION 1 0x20000000 0x10000000 0x7f0020000000']);
    expect(namesOf(at)).toEqual(['cost', 'KVM_SET_USER_MEMORY_REGION', 'hotplug-event', 'monitor-return']);
  });
  test('that goes gives its slot back', () => {
    const { kvm, qemu } = runs();
    const at = afterWith(kvm, qemu, deviceAdd(dimm));
    kvm.asked();
    const gone = sendWith(kvm, at, dimmDel);
    expect(kvm.asked()).toEqual(['KVM_SET_USER_MEMORY_REGION 1 0x20000000 0x0 0x7f0020000000']);
    expect(monitorAnswer(gone).ok).toBe(true);
    expect(gone.qemu.context).toEqual(qemu.context);
    expect(monitorAnswer(sendWith(kvm, gone.qemu, dimmDel))).toMatchObject({
      ok: false,
      error: 'there is no memory at 0x20000000',
    });
  });
  test('takes the slot that other memory gave back', () => {
    const { kvm, qemu } = runs();
    const at = (address: bigint) => deviceAdd({ ...dimm, gpa: gpa(address) });
    const two = afterWith(kvm, qemu, deviceAdd(dimm), at(0x4000_0000n), dimmDel);
    kvm.asked();
    afterWith(kvm, two, at(0x6000_0000n));
    expect(kvm.asked()).toEqual(['KVM_SET_USER_MEMORY_REGION 1 0x60000000 0x10000000 0x7f0060000000']);
  });
  test('of the machine itself stays', () => {
    const { kvm, qemu } = runs();
    const first = { ...dimmDel, target: { kind: 'memory', gpa: gpa(0n) } } as const;
    expect(monitorAnswer(sendWith(kvm, qemu, first)).error).toBe('memory at 0x0 belongs to the machine');
  });
});

test('a paused machine is reset, and loaded, beside KVM too', () => {
  const { kvm, qemu } = runs();
  const paused = afterWith(kvm, qemu, stop);
  const at = afterWith(kvm, paused, systemReset);
  expect(at.value).toBe('paused');
  expect(afterWith(kvm, at, cont).value).toBe('running');
});

test('the key of a state tells who holds the big lock, and where; another thread or place is another key', () => {
  const { kvm, qemu } = runs();
  const keyOf = (at: Qemu): string => JSON.stringify(canonicalQemu(at.context));
  const first = send(qemu, put(L0, 0x1000n, 3n)).qemu;
  const other = { ...put(L0, 0x1000n, 3n), thread: threadId('vcpu1') };
  const keys = [qemu, first, send(qemu, other).qemu, send(qemu, get(L0, 0x1000n)).qemu].map(keyOf);
  expect(new Set(keys).size).toBe(4);
  const back = afterWith(kvm, qemu, put(L0, 0x1000n, 3n));
  expect(keyOf(back)).toBe(keyOf(qemu));
});
