import { type Hcall, type RtasCall, type ThreadId, unreachable } from '@spapr-dma/protocol';
import { attachIommuGroup } from './attach-iommu-group.js';
import { clearTce } from './clear-tce.js';
import { exit } from './exit.js';
import type { Frame } from './frames.js';
import { hPutTce } from './h-put-tce.js';
import { hPutTceIndirect } from './h-put-tce-indirect.js';
import { hStuffTce } from './h-stuff-tce.js';
import { hcall } from './hcall.js';
import { iommuMap } from './iommu-map.js';
import { iommuUnmap } from './iommu-unmap.js';
import { deviceRelease, fileAdd, fileDel } from './kvm-vfio.js';
import { mappedDec } from './mapped-dec.js';
import type { WaitingPlace } from './places.js';
import { iommuTableFree } from './rcu.js';
import { releaseIommuGroup } from './release-iommu-group.js';
import { type KvmSent, questionFrom, reportFrom } from './sent.js';
import { setSpaprTce } from './set-spapr-tce.js';
import type { KvmState } from './state.js';
import type { Resumption, Returned, Step, StepFunction } from './steps.js';
import { syscall } from './syscall.js';
import { createSpaprTce } from './tce-create.js';
import { tceRelease } from './tce-release.js';
import { tceValidate } from './tce-validate.js';

/** KVM's functions by name. */
const FUNCTIONS: { readonly [Fn in Frame['fn']]: StepFunction<Extract<Frame, { fn: Fn }>> } = {
  hcall,
  kvmppc_h_put_tce: hPutTce,
  kvmppc_h_put_tce_indirect: hPutTceIndirect,
  kvmppc_h_stuff_tce: hStuffTce,
  kvmppc_tce_validate: tceValidate,
  kvmppc_tce_iommu_map: iommuMap,
  kvmppc_tce_iommu_unmap: iommuUnmap,
  kvmppc_tce_iommu_mapped_dec: mappedDec,
  kvmppc_clear_tce: clearTce,
  syscall,
  kvm_vm_ioctl_create_spapr_tce: createSpaprTce,
  kvm_spapr_tce_release: tceRelease,
  kvm_vfio_file_add: fileAdd,
  kvm_vfio_file_del: fileDel,
  kvm_vfio_file_set_spapr_tce: setSpaprTce,
  kvm_spapr_tce_attach_iommu_group: attachIommuGroup,
  kvm_spapr_tce_release_iommu_group: releaseIommuGroup,
  kvm_vfio_release: deviceRelease,
  exit,
  kvm_spapr_tce_iommu_table_free: iommuTableFree,
};

/** A task after it ran: it waits for an answer, or its outermost function has returned. */
export interface Ran {
  readonly kvm: KvmState;
  readonly sent: KvmSent[];
  readonly waits: { readonly at: WaitingPlace; readonly stack: readonly Frame[] } | null;
  /** What the outermost function returned, and who that was. */
  readonly ended: { readonly frame: Frame; readonly value: Returned } | null;
}

const BEGIN: Resumption = { type: 'begin' };

/**
 * Runs a thread's innermost function, and whatever it calls and returns to, until the thread waits for an answer or
 * has nothing left to do. Only the other threads' state changes hands here: the thread's own is the caller's.
 */
export function run(start: KvmState, thread: ThreadId, frames: readonly Frame[], resume: Resumption): Ran {
  let kvm = start;
  let stack = frames;
  let resumed = resume;
  const sent: KvmSent[] = [];
  for (;;) {
    const frame = stack.at(-1) ?? unreachable('a thread runs without a function');
    const step: Step = (FUNCTIONS[frame.fn] as StepFunction<Frame>)(kvm, frame, resumed);
    kvm = step.kvm;
    for (const report of step.reports) sent.push(reportFrom(thread, report));
    const { next } = step;
    const outer = stack.slice(0, -1);
    switch (next.do) {
      case 'ask':
        sent.push(questionFrom(thread, next.question));
        return { kvm, sent, waits: { at: next.at, stack: [...outer, next.frame] }, ended: null };
      case 'call':
        stack = [...outer, next.frame, next.callee];
        resumed = BEGIN;
        break;
      case 'return':
        if (outer.length === 0) return { kvm, sent, waits: null, ended: { frame, value: next.value } };
        stack = outer;
        resumed = { type: 'returned', value: next.value };
        break;
    }
  }
}

/** The call that a vCPU's outermost frame is about. */
export function callOf(frame: Frame): Hcall | RtasCall {
  return frame.fn === 'hcall' ? frame.call : unreachable('a vCPU is in no hypercall');
}
