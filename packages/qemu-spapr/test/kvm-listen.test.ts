import { nonZeroCount } from '@spapr-dma/tce-table';
import { describe, expect, test } from 'vitest';
import { afterWith, besideKvm, sendWith } from './kvm-fake.ts';
import { runs, started } from './kvm-machine.ts';
import {
  enabled,
  get,
  hcallAnswer,
  L0,
  linesOf,
  namesOf,
  put,
  register,
  reset,
  send,
  stuff,
  systemReset,
  unregister,
} from './machine.ts';

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
