import { bytes } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { afterWith, besideKvm, FakeKvm, sendWith, startMain } from './kvm-fake.ts';
import {
  create,
  DYNAMIC,
  dma,
  L0,
  linesOf,
  namesOf,
  piecesOf,
  put,
  type Qemu,
  realize,
  register,
  remove,
  send,
  stop,
  systemReset,
} from './machine.ts';

const PHB = { driver: 'spapr-pci-host-bridge', index: 0, dmaWinSize: bytes(0x4000n) } as const;

function runs(caps: Parameters<typeof besideKvm>[0] = {}): { readonly kvm: FakeKvm; readonly qemu: Qemu } {
  const kvm = new FakeKvm();
  const qemu = afterWith(kvm, realize({ config: besideKvm(caps), devices: [PHB] }), startMain, systemReset);
  kvm.asked();
  return { kvm, qemu };
}

describe('an emulated device finds what a view in KVM says', () => {
  test('one access a page, each at the moment when it comes there', () => {
    const { kvm, qemu } = runs();
    kvm.put(L0, 1, 0x5003n);
    kvm.put(L0, 2, 0x8003n);
    const at = sendWith(kvm, qemu, dma('write', 0x1ff0n, 0x20));
    expect(kvm.asked()).toEqual(['view_load 0x80000000 1', 'view_load 0x80000000 2']);
    expect(piecesOf(at)).toEqual([
      { ioba: 0x1ff0n, bytes: 16, gpa: 0x5ff0n, outcome: 'ram' },
      { ioba: 0x2000n, bytes: 16, gpa: 0x8000n, outcome: 'ram' },
    ]);
    expect(linesOf(at)).toEqual([
      'iommu_xlate liobn=0x80000000 address=0x1ff0 translated=0x5000 perm=3 mask=4095',
      'iommu_xlate liobn=0x80000000 address=0x2000 translated=0x8000 perm=3 mask=4095',
    ]);
    expect(at.qemu.context).toEqual(qemu.context);
  });
  test('a page without permission is passed over in steps of 4 bytes, each with an access', () => {
    const { kvm, qemu } = runs();
    kvm.put(L0, 0, 0x5001n);
    const at = sendWith(kvm, qemu, dma('write', 0n, 8));
    expect(kvm.asked()).toEqual(['view_load 0x80000000 0', 'view_load 0x80000000 0']);
    expect(piecesOf(at)).toEqual([{ ioba: 0n, bytes: 8, gpa: null, outcome: 'dropped' }]);
  });
  test('where there is no window nobody is asked', () => {
    const { kvm, qemu } = runs();
    expect(piecesOf(sendWith(kvm, qemu, dma('read', 0x4000n, 4)))[0]).toMatchObject({ outcome: 'zeros' });
    expect(kvm.asked()).toEqual([]);
  });
});

describe('a transfer needs no big lock', () => {
  const read = dma('read', 0n, 4);
  test('it begins while somebody holds it, and ends while somebody holds it', () => {
    const { kvm, qemu } = runs();
    kvm.put(L0, 0, 0x5003n);
    const held = send(qemu, put(L0, 0x1000n, 3n)).qemu;
    const asked = send(held, read);
    expect(namesOf(asked)).toEqual(['view_load']);
    expect(asked.qemu.value).toEqual({ busy: { writingEntries: 'storingEntry' } });
    const ended = send(asked.qemu, kvm.answer(asked.sent[0] as never));
    expect(piecesOf(ended)).toEqual([{ ioba: 0n, bytes: 4, gpa: 0x5000n, outcome: 'ram' }]);
    expect(ended.qemu.value).toEqual(held.value);
    expect(ended.qemu.context).toEqual(held.context);
  });
  test('who wants the lock does not wait for it', () => {
    const { kvm, qemu } = runs();
    const asked = send(qemu, read);
    expect(asked.qemu.value).toBe('running');
    const stored = sendWith(kvm, asked.qemu, put(L0, 0n, 0x7003n));
    expect(stored.qemu.context.dmas).toHaveLength(1);
    const ended = send(stored.qemu, kvm.answer(asked.sent[0] as never));
    expect(piecesOf(ended)[0]?.gpa).toBe(0x7000n);
  });
  test('an answer that came before a store is used after it', () => {
    const { kvm, qemu } = runs();
    kvm.put(L0, 0, 0x5003n);
    const asked = send(qemu, read);
    const answer = kvm.answer(asked.sent[0] as never);
    const stored = sendWith(kvm, asked.qemu, put(L0, 0n, 0n));
    expect(piecesOf(send(stored.qemu, answer))[0]?.gpa).toBe(0x5000n);
  });
  test('it ends on a machine that was stopped meanwhile', () => {
    const { kvm, qemu } = runs();
    kvm.put(L0, 0, 0x5003n);
    const asked = send(qemu, read);
    const stopped = send(asked.qemu, stop).qemu;
    expect(stopped.can(read)).toBe(false);
    expect(piecesOf(send(stopped, kvm.answer(asked.sent[0] as never)))[0]?.outcome).toBe('ram');
  });
  test('it is forgotten with QEMU, whose memory it would have moved', () => {
    const { kvm, qemu } = runs();
    const asked = send(qemu, read);
    const exited = send(asked.qemu, { type: 'quit', from: 'environment', to: 'qemu-spapr' }).qemu;
    const answer = kvm.answer(asked.sent[0] as never);
    expect(exited.can(answer)).toBe(true);
    const late = send(exited, answer);
    expect(late.sent).toEqual([]);
    expect(late.qemu.can(answer)).toBe(false);
  });
  test('a window that went meanwhile is looked for again, and not found', () => {
    const { kvm, qemu } = runs();
    const withWindow = afterWith(kvm, qemu, create(16, 20));
    const asked = send(withWindow, dma('read', DYNAMIC, 4));
    const gone = afterWith(kvm, asked.qemu, remove(0x8000_0001));
    const ended = send(gone, kvm.answer(asked.sent[0] as never));
    expect(piecesOf(ended)).toEqual([{ ioba: DYNAMIC, bytes: 4, gpa: null, outcome: 'zeros' }]);
    expect(ended.qemu.context.dmas).toEqual([]);
  });
  test('B-04: a view that is moving to QEMU is found empty until its entries are copied', () => {
    const { kvm, qemu } = runs({ spaprTceVfio: false });
    kvm.put(L0, 0, 0x5003n);
    const moving = send(qemu, register());
    expect(moving.qemu.value).toEqual({ busy: { registeringNotifier: 'loadingView' } });
    expect(piecesOf(send(moving.qemu, read))[0]?.outcome).toBe('zeros');
    const moved = send(moving.qemu, kvm.answer(moving.sent.at(-1) as never));
    expect(moved.qemu.value).toEqual({ busy: { registeringNotifier: 'closingKvmTable' } });
    expect(piecesOf(send(moved.qemu, read))[0]).toMatchObject({ gpa: 0x5000n, outcome: 'ram' });
  });
});
