import { threadId } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { afterWith, besideKvm, sendWith } from './kvm-fake.ts';
import { runs, started } from './kvm-machine.ts';
import {
  create,
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
  reset,
  send,
  statusOf,
  stop,
  stuff,
  systemReset,
} from './machine.ts';

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
