import { type Bytes, bytes, iommuPageShift, unreachable } from '@spapr-dma/protocol';
import type { AllocTableFrame, FreeTableFrame } from './frames-qemu.js';
import { traced } from './sent.js';
import type { QemuState } from './state.js';
import { type KvmRequest, kvmCall, kvmResult, type Resumption, ret, type Step } from './steps.js';

const tableBytes = (nbTable: number): Bytes => bytes(BigInt(nbTable) * 8n);

/**
 * How KVM is asked for a view; undefined where it cannot have this one: KVM lacks the interface, or a table that
 * VFIO needs cannot drive hardware tables there. The old interface has 4K pages from 0, whatever `pageShift` says.
 * @see [QEMU] target/ppc/kvm.c: kvmppc_create_spapr_tce
 */
export function kvmTableRequest({ config }: QemuState, frame: AllocTableFrame): KvmRequest | undefined {
  const { kvm } = config;
  const { liobn, pageShift, busOffset, nbTable, needVfio, forceUserspace } = frame;
  if (kvm === null || forceUserspace || !kvm.spaprTce || (needVfio && !kvm.spaprTceVfio)) return undefined;
  const shift = BigInt(pageShift & 63);
  if (kvm.spaprTce64) {
    return {
      type: 'KVM_CREATE_SPAPR_TCE_64',
      liobn,
      pageShift: iommuPageShift(pageShift),
      flags: 0,
      offset: busOffset >> shift,
      size: BigInt(nbTable),
    };
  }
  const windowSize = BigInt.asUintN(64, BigInt(nbTable) << shift);
  if (windowSize > 0xffff_ffffn || busOffset !== 0n) return undefined;
  return { type: 'KVM_CREATE_SPAPR_TCE', liobn, windowSize: bytes(windowSize) };
}

/**
 * Allocates a guest view: in KVM where that works and can be mapped, else in QEMU. Returns the fd.
 * @see [QEMU] hw/ppc/spapr_iommu.c: spapr_tce_alloc_table; target/ppc/kvm.c: kvmppc_create_spapr_tce
 */
export function spaprTceAllocTable(qemu: QemuState, frame: AllocTableFrame, resumed: Resumption): Step {
  switch (frame.at) {
    case 'begin': {
      const request = kvmTableRequest(qemu, frame);
      return request === undefined
        ? allocated(qemu, frame, -1)
        : kvmCall(qemu, { ...frame, at: 'creatingKvmTable' }, request);
    }
    case 'creatingKvmTable': {
      const result = kvmResult(resumed);
      if (!result.ok) return allocated(qemu, frame, -1);
      const fd = result.value;
      const mmap = { type: 'mmap', fd, bytes: tableBytes(frame.nbTable) } as const;
      return kvmCall(qemu, { ...frame, at: 'mappingKvmTable', fd }, mmap);
    }
    case 'mappingKvmTable':
      if (kvmResult(resumed).ok) return allocated(qemu, frame, frame.fd);
      return kvmCall(qemu, { ...frame, at: 'closingUnmappedTable' }, { type: 'close', fd: frame.fd });
    case 'closingUnmappedTable':
      return allocated(qemu, frame, -1);
    default:
      return unreachable(`spapr_tce_alloc_table at ${frame.at satisfies never}`);
  }
}

const allocated = (qemu: QemuState, { liobn, nbTable }: AllocTableFrame, fd: number): Step =>
  ret(qemu, fd, [
    traced({
      event: 'spapr_iommu_new_table',
      liobn: BigInt(liobn),
      table: nbTable === 0 && fd < 0 ? '(nil)' : 'allocated',
      fd,
    }),
  ]);

/**
 * Gives a view back: KVM's is unmapped and closed, which is the last that refers to it.
 * @see [QEMU] hw/ppc/spapr_iommu.c: spapr_tce_free_table; target/ppc/kvm.c: kvmppc_remove_spapr_tce
 */
export function spaprTceFreeTable(qemu: QemuState, frame: FreeTableFrame): Step {
  if (frame.at === 'closingKvmTable' || frame.fd < 0) return ret(qemu);
  return kvmCall(qemu, { ...frame, at: 'closingKvmTable' }, { type: 'close', fd: frame.fd });
}
