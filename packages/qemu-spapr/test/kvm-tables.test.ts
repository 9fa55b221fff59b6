import { bytes, gpa, type KvmCall, threadId, type VioDevice } from '@spapr-dma/protocol';
import { nonZeroCount } from '@spapr-dma/tce-table';
import { describe, expect, test } from 'vitest';
import { canonicalQemu, type QemuConfig } from '../src/index.ts';
import { afterWith, besideKvm, FakeKvm, sendWith, startMain } from './kvm-fake.ts';
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
  indirect,
  L0,
  L1,
  linesOf,
  migrate,
  migrateIncoming,
  monitorAnswer,
  namesOf,
  put,
  type Qemu,
  realize,
  register,
  remove,
  reset,
  rtas,
  send,
  statusOf,
  step,
  stop,
  stuff,
  systemReset,
  table,
  unregister,
} from './machine.ts';

const PHB = { driver: 'spapr-pci-host-bridge', index: 0 } as const;
/** A default window of 4 entries, so that views can be looked at whole. */
const SMALL = { ...PHB, dmaWinSize: bytes(0x4000n) } as const;
const VSCSI: VioDevice = { driver: 'spapr-vscsi', reg: 0x7100_0002, rtceWindowBytes: bytes(0x1000_0000n) };

interface Started {
  readonly kvm: FakeKvm;
  readonly qemu: Qemu;
}
const started = (
  config: QemuConfig = besideKvm(),
  devices: readonly (typeof PHB | VioDevice)[] = [SMALL],
): Started => {
  const kvm = new FakeKvm();
  return { kvm, qemu: afterWith(kvm, realize({ config, devices }), startMain) };
};
const runs = (config?: QemuConfig, devices?: readonly (typeof PHB | VioDevice)[]): Started => {
  const { kvm, qemu } = started(config, devices);
  const at = afterWith(kvm, qemu, systemReset);
  kvm.asked();
  return { kvm, qemu: at };
};

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

describe('while the view is KVM’s, calls that reach QEMU use it', () => {
  test('H_PUT_TCE stores there', () => {
    const { kvm, qemu } = runs();
    const at = sendWith(kvm, qemu, put(L0, 0x1000n, 0x5003n));
    expect(kvm.asked()).toEqual(['view_store 0x80000000 1 1 0x5003']);
    expect(statusOf(at)).toBe('H_SUCCESS');
    expect(kvm.at(L0, 1)).toBe(0x5003n);
    expect(at.qemu.context).toEqual(qemu.context);
  });
  test('and waits for it with the big lock held', () => {
    const { qemu } = runs();
    const at = send(qemu, put(L0, 0x1000n, 0x5003n));
    expect(at.qemu.value).toEqual({ busy: { writingEntries: 'storingEntry' } });
    expect(at.qemu.can(get(L0, 0n))).toBe(false);
    expect(at.qemu.can(stop)).toBe(false);
    expect(at.qemu.can(reset())).toBe(false);
    expect(namesOf(at)).toEqual(['view_store']);
  });
  test('an answer to another thread is none', () => {
    const { kvm, qemu } = runs();
    const at = send(qemu, put(L0, 0x1000n, 0x5003n));
    const answer = kvm.answer(at.sent[0] as never);
    expect(at.qemu.can(answer)).toBe(true);
    expect(at.qemu.can({ ...answer, thread: threadId('vcpu1') })).toBe(false);
    expect(at.qemu.can({ ...answer, type: 'kvm-return' } as never)).toBe(false);
  });
  test('H_GET_TCE reads there', () => {
    const { kvm, qemu } = runs();
    kvm.put(L0, 2, 0x7001n);
    expect(hcallAnswer(sendWith(kvm, qemu, get(L0, 0x2000n)))).toEqual({ status: 'H_SUCCESS', tce: 0x7001n });
    expect(kvm.asked()).toEqual(['view_load 0x80000000 2']);
  });
  test('H_STUFF_TCE fills there at once, up to the window’s end', () => {
    const { kvm, qemu } = runs();
    const at = sendWith(kvm, qemu, stuff(L0, 0x1000n, 0x5003n, 4n));
    expect(kvm.asked()).toEqual(['view_store 0x80000000 1 3 0x5003']);
    expect(statusOf(at)).toBe('H_PARAMETER');
    expect(linesOf(at)).toEqual([
      'iommu_stuff liobn=0x80000000 ioba=0x4000 tcevalue=0x5003 npages=0x4 ret=-4',
    ]);
  });
  test('H_PUT_TCE_INDIRECT stores entry by entry, up to the window’s end', () => {
    const { kvm, qemu } = runs();
    const at = sendWith(kvm, qemu, indirect(L0, 0x2000n, [1n, 2n, 3n]));
    expect(kvm.asked()).toEqual(['view_store 0x80000000 2 1 0x1', 'view_store 0x80000000 3 1 0x2']);
    expect(statusOf(at)).toBe('H_PARAMETER');
    expect(linesOf(at)).toEqual([
      'iommu_indirect liobn=0x80000000 ioba=0x2000 tcelist=0x400000 iobaN=1 tceN=0x3 ret=-4',
    ]);
  });
  test.each`
    case                      | call                                      | status
    ${'past the end'}         | ${put(L0, 0x4000n, 3n)}                   | ${'H_PARAMETER'}
    ${'reading past the end'} | ${get(L0, 0x4000n)}                       | ${'H_PARAMETER'}
    ${'more than the window'} | ${stuff(L0, 0n, 0n, 5n)}                  | ${'H_PARAMETER'}
    ${'a list of 513'}        | ${indirect(L0, 0n, [], { npages: 513n })} | ${'H_PARAMETER'}
    ${'no pages'}             | ${stuff(L0, 0n, 0n, 0n)}                  | ${'H_PARAMETER'}
    ${'no pages of a list'}   | ${indirect(L0, 0n, [])}                   | ${'H_PARAMETER'}
  `('what is refused asks nobody: $case', ({ call, status }) => {
    const { qemu } = runs();
    const at = send(qemu, call);
    expect(at.qemu.value).toBe('running');
    expect(statusOf(at)).toBe(status);
  });
  test('a call that KVM handed on is answered to KVM', () => {
    const { kvm, qemu } = runs();
    const fromKvm = { ...put(L0, 0n, 3n), from: 'kvm' } as const;
    expect(sendWith(kvm, qemu, fromKvm).sent.at(-1)).toMatchObject({ type: 'hcall-return', to: 'kvm' });
    const rtasFromKvm = { ...create(16, 20), from: 'kvm' } as const;
    expect(sendWith(kvm, qemu, rtasFromKvm).sent.at(-1)).toMatchObject({ type: 'rtas-return', to: 'kvm' });
  });
});

describe('with one entry an access', () => {
  const oneByOne = besideKvm({}, { entriesAtOnce: 1 });
  test('a fill stores one after the other', () => {
    const { kvm, qemu } = runs(oneByOne);
    sendWith(kvm, qemu, stuff(L0, 0x1000n, 0x5003n, 2n));
    expect(kvm.asked()).toEqual(['view_store 0x80000000 1 1 0x5003', 'view_store 0x80000000 2 1 0x5003']);
  });
  test('and a reset’s writing of a fresh window', () => {
    const { kvm, qemu } = started(oneByOne);
    kvm.asked();
    afterWith(kvm, qemu, systemReset);
    expect(kvm.asked().slice(2)).toEqual([0, 1, 2, 3].map((index) => `view_store 0x80000000 ${index} 1 0x0`));
  });
  test('equal entries that do not follow each other are no run', () => {
    const { kvm, qemu } = runs(oneByOne);
    kvm.put(L0, 1, 0x5003n);
    kvm.put(L0, 3, 0x5003n);
    expect(monitorAnswer(sendWith(kvm, qemu, migrate)).stream?.tables[0]?.runs).toEqual([
      [1, 1, 0x5003n],
      [3, 1, 0x5003n],
    ]);
  });
  test('a whole view is read one after the other', () => {
    const { kvm, qemu } = runs(oneByOne);
    kvm.put(L0, 1, 0x5003n);
    kvm.put(L0, 2, 0x5003n);
    const saved = sendWith(kvm, qemu, migrate);
    expect(kvm.asked()).toEqual([0, 1, 2, 3].map((index) => `view_load 0x80000000 ${index}`));
    expect(monitorAnswer(saved).stream?.tables[0]?.runs).toEqual([[1, 2, 0x5003n]]);
  });
});

describe('migration', () => {
  test('reads the view of KVM with the vCPUs held, and stores into that of the other side', () => {
    const { kvm, qemu } = runs();
    kvm.put(L0, 1, 0x5003n);
    const saved = sendWith(kvm, qemu, migrate);
    expect(kvm.asked()).toEqual(['view_bulk_load 0x80000000']);
    expect(saved.qemu.value).toBe('paused');
    const target = runs();
    target.kvm.put(L0, 3, 0x9003n);
    const loaded = sendWith(target.kvm, target.qemu, migrateIncoming(monitorAnswer(saved).stream!));
    expect(target.kvm.asked()).toEqual([
      'view_store 0x80000000 0 1 0x0',
      'view_store 0x80000000 1 1 0x5003',
      'view_store 0x80000000 2 2 0x0',
    ]);
    expect(target.kvm.at(L0, 1)).toBe(0x5003n);
    expect(target.kvm.at(L0, 3)).toBe(0n);
    expect(loaded.qemu.value).toBe('running');
  });
  test('makes a window of another size anew, in KVM', () => {
    const source = runs();
    const { stream } = monitorAnswer(
      sendWith(source.kvm, afterWith(source.kvm, source.qemu, create(16, 20)), migrate),
    );
    const { kvm, qemu } = runs();
    const at = afterWith(kvm, qemu, migrateIncoming(stream!));
    expect(kvm.asked()).toContain('KVM_CREATE_SPAPR_TCE_64 0x80000001 16 0 0x80000000000 0x10');
    expect(enabled(at, L1).fd).toBe(1001);
  });
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

describe('somebody begins to listen to a window in KVM', () => {
  test('that can drive hardware: the view stays, and is read for the replay', () => {
    const { kvm, qemu } = runs();
    kvm.put(L0, 1, 0x5003n);
    const at = sendWith(kvm, qemu, register());
    expect(kvm.asked()).toEqual(['view_bulk_load 0x80000000']);
    expect(namesOf(at)).toEqual(['view_bulk_load', 'cost', 'iommu-notify']);
    expect(enabled(at.qemu, L0)).toMatchObject({ fd: 1000, needVfio: true });
    const told = sendWith(kvm, at.qemu, put(L0, 0n, 0x6003n));
    expect(namesOf(told)).toEqual(['view_store', 'iommu-notify', 'spapr_iommu_put', 'hcall-return']);
  });
  const blind = { spaprTceVfio: false };
  test('that cannot: the view moves to QEMU, and stays there when nobody listens any more', () => {
    const { kvm, qemu } = runs(besideKvm(blind));
    kvm.put(L0, 1, 0x5003n);
    const at = sendWith(kvm, qemu, register());
    expect(kvm.asked()).toEqual(['view_bulk_load 0x80000000', 'close 1000']);
    expect(linesOf(at)).toEqual(['iommu_new_table liobn=0x80000000 table=allocated fd=-1']);
    const moved = enabled(at.qemu, L0);
    expect(moved).toMatchObject({ fd: -1, needVfio: true });
    expect(hcallAnswer(send(at.qemu, get(L0, 0x1000n))).tce).toBe(0x5003n);
    expect(enabled(afterWith(kvm, at.qemu, unregister()), L0)).toMatchObject({ fd: -1, needVfio: false });
    expect(enabled(afterWith(kvm, at.qemu, unregister(), reset()), L0).fd).toBe(1000);
  });
  test('that KVM could not make when the window was made: it is asked again, and takes the entries over', () => {
    const { kvm, qemu } = started();
    kvm.refuse = ({ type }) => (type === 'KVM_CREATE_SPAPR_TCE_64' ? 'ENOMEM' : undefined);
    const alone = afterWith(kvm, qemu, systemReset, stuff(L0, 0x1000n, 0x5003n, 2n));
    expect(enabled(alone, L0).fd).toBe(-1);
    kvm.refuse = () => undefined;
    kvm.asked();
    const at = afterWith(kvm, alone, register());
    expect(kvm.asked()).toEqual([
      'KVM_CREATE_SPAPR_TCE_64 0x80000000 12 0 0x0 0x4',
      'mmap 1000 0x20',
      'view_store 0x80000000 1 2 0x5003',
      'view_bulk_load 0x80000000',
    ]);
    expect(enabled(at, L0).fd).toBe(1000);
    expect(nonZeroCount(enabled(at, L0).view)).toBe(0);
  });
  test('B-03, never: the view stays in KVM', () => {
    const switches = { ...besideKvm().switches, reallocOnFirstVfio: 'never' } as const;
    const { kvm, qemu } = runs(besideKvm(blind, { switches }));
    const at = afterWith(kvm, qemu, register());
    expect(enabled(at, L0)).toMatchObject({ fd: 1000, needVfio: true });
  });
  test.each`
    reallocAtomic | during              | kept       | asked
    ${'false'}    | ${'close'}          | ${0x5003n} | ${['view_bulk_load 0x80000000', 'close 1000']}
    ${'true'}     | ${'close'}          | ${0x5003n} | ${['pause_all_vcpus', 'view_bulk_load 0x80000000', 'close 1000', 'resume_all_vcpus']}
    ${'false'}    | ${'view_bulk_load'} | ${0x7003n} | ${['view_bulk_load 0x80000000', 'close 1000']}
  `(
    'B-04, reallocAtomic $reallocAtomic: a put in KVM before $during is answered → $kept',
    ({ reallocAtomic, during, kept, asked }) => {
      const switches = { ...besideKvm().switches, reallocAtomic };
      const { kvm, qemu } = runs(besideKvm(blind, { switches }));
      kvm.put(L0, 1, 0x5003n);
      let held = false;
      kvm.meanwhile = ({ type }) => {
        if (type === 'pause_all_vcpus') held = true;
        // The vCPU's put of 0x7003: it gets through to KVM only where nobody holds the vCPUs.
        if (type === during && !held) kvm.put(L0, 1, 0x7003n);
      };
      const at = afterWith(kvm, qemu, register());
      expect(kvm.asked()).toEqual(asked);
      expect(hcallAnswer(send(at, get(L0, 0x1000n))).tce).toBe(kept);
    },
  );
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
