import { type GuestReport, type Hcall, type RtasCall, threadId } from '@spapr-dma/protocol';
import { boot } from './boot.js';
import { createDdw } from './create-ddw.js';
import { isLockFree, withDevices } from './device-lock.js';
import { dlpar } from './dlpar.js';
import { dmaMap, dmaMapSg } from './dma-map.js';
import { dmaSetMask } from './dma-set-mask.js';
import { dmaUnmap } from './dma-unmap.js';
import { drc } from './drc.js';
import { enableDdw } from './enable-ddw.js';
import { firmware } from './firmware.js';
import type { Frame } from './frames.js';
import { type Awaits, type GuestKernel, type LockName, type Vcpu, withLock } from './guest-state.js';
import { iommuInitTable } from './iommu-init-table.js';
import { memoryNotifier } from './memory-notifier.js';
import { busSetup, devSetup } from './pci-dma-setup.js';
import { placeOf } from './places.js';
import { queryDdw } from './query-ddw.js';
import { releaseDriver } from './release-driver.js';
import { removeDmaWindow } from './remove-dma-window.js';
import type { ReportBody, RtasRequest } from './requests.js';
import { resetDmaWindow } from './reset-dma-window.js';
import { rtasCall } from './rtas-call.js';
import type { Resumption, Step, StepFunction } from './steps.js';
import { tceBuild } from './tce-build.js';
import { tceBuildMulti } from './tce-buildmulti.js';
import { tceExchange } from './tce-exchange.js';
import { tceFree, tceFreeMulti } from './tce-free.js';
import { tceClearRange, tceSetRange } from './tce-range.js';
import { vfioCreateTable } from './vfio-create-table.js';
import { vfioMap } from './vfio-map.js';
import { vfioOwnership } from './vfio-ownership.js';
import { vfioUnsetWindow } from './vfio-unset-window.js';

/** The kernel's functions by name. */
const FUNCTIONS: { readonly [Fn in Frame['fn']]: StepFunction<Extract<Frame, { fn: Fn }>> } = {
  slof: firmware,
  boot,
  pci_dma_bus_setup_pSeriesLP: busSetup,
  pci_dma_dev_setup_pSeriesLP: devSetup,
  iommu_init_table: iommuInitTable,
  with_devices: withDevices,
  dma_set_mask: dmaSetMask,
  device_release_driver: releaseDriver,
  enable_ddw: enableDdw,
  query_ddw: queryDdw,
  create_ddw: createDdw,
  remove_dma_window: removeDmaWindow,
  reset_dma_window: resetDmaWindow,
  rtas_call: rtasCall,
  iommu_alloc: dmaMap,
  ppc_iommu_map_sg: dmaMapSg,
  iommu_free: dmaUnmap,
  tce_build_pSeriesLP: tceBuild,
  tce_buildmulti_pSeriesLP: tceBuildMulti,
  tce_free_pSeriesLP: tceFree,
  tce_freemulti_pSeriesLP: tceFreeMulti,
  tce_setrange_multi_pSeriesLP: tceSetRange,
  tce_clearrange_multi_pSeriesLP: tceClearRange,
  tce_exchange_pseries: tceExchange,
  iommu_mem_notifier: memoryNotifier,
  drc,
  dlpar,
  spapr_tce_ownership: vfioOwnership,
  spapr_tce_create_table: vfioCreateTable,
  spapr_tce_unset_window: vfioUnsetWindow,
  tce_iommu_build: vfioMap,
};

/** What the guest sends. */
export type GuestMessage = Hcall | RtasCall | GuestReport;

/** The kernel after a message, and what it sent. */
export interface Outcome {
  readonly kernel: GuestKernel;
  readonly messages: readonly GuestMessage[];
}

/** The thread of a vCPU. */
export const vcpuThread = (cpu: number) => threadId(`vcpu${cpu}`);

function stepOf(kernel: GuestKernel, frame: Frame, resumed: Resumption, cpu: number): Step {
  const step = FUNCTIONS[frame.fn] as StepFunction<Frame>;
  return step(kernel, frame, resumed, cpu);
}

const withVcpu = (kernel: GuestKernel, cpu: number, vcpu: Vcpu): GuestKernel => ({
  ...kernel,
  vcpus: kernel.vcpus.map((other, i) => (i === cpu ? vcpu : other)),
});

/** Gives reports and calls their envelope. */
const reportFrom = (cpu: number, body: ReportBody): GuestReport => ({
  ...body,
  from: 'guest-kernel',
  to: 'environment',
  thread: vcpuThread(cpu),
});
const rtasFrom = ({ config }: GuestKernel, cpu: number, request: RtasRequest): RtasCall => ({
  ...request,
  from: 'guest-kernel',
  to: config.hypervisor,
  thread: vcpuThread(cpu),
});

const BEGIN: Resumption = { type: 'begin' };

/**
 * Runs a vCPU's innermost function, and whatever it calls and returns to, until the vCPU waits for an answer
 * or a lock, or has nothing left to do.
 */
export function run(start: GuestKernel, cpu: number, frames: Vcpu['stack'], resume: Resumption): Outcome {
  let kernel = start;
  let stack = frames;
  let resumed = resume;
  const messages: GuestMessage[] = [];
  const waiting = (awaits: Awaits, wants: LockName | null): Outcome => ({
    kernel: withVcpu(kernel, cpu, { stack, at: placeOf(stack, awaits), wants }),
    messages,
  });
  for (;;) {
    const frame = stack.at(-1);
    if (frame === undefined) {
      return { kernel: withVcpu(kernel, cpu, { stack: [], at: 'idle', wants: null }), messages };
    }
    const step = stepOf(kernel, frame, resumed, cpu);
    kernel = step.kernel;
    for (const body of step.reports) messages.push(reportFrom(cpu, body));
    const { next } = step;
    const outer = stack.slice(0, -1);
    switch (next.do) {
      case 'hcall':
        stack = [...outer, next.frame];
        messages.push({
          ...next.request,
          from: 'guest-kernel',
          to: kernel.config.hypervisor,
          thread: vcpuThread(cpu),
        });
        return waiting('hcall', null);
      case 'rtas':
        stack = [...outer, next.frame];
        messages.push(rtasFrom(kernel, cpu, next.request));
        return waiting('rtas', null);
      case 'lock':
        stack = [...outer, next.frame];
        if (!isLockFree(kernel, next.lock, cpu, next.frame)) return waiting('lock', next.lock);
        kernel = withLock(kernel, next.lock, cpu);
        resumed = BEGIN;
        break;
      case 'call':
        stack = [...outer, next.frame, next.callee];
        resumed = BEGIN;
        break;
      case 'goto':
        stack = [...outer, next.frame];
        resumed = BEGIN;
        break;
      case 'return':
        stack = outer;
        resumed = { type: 'returned', value: next.value };
        break;
    }
  }
}
