import {
  type GuestReport,
  HCALL_CODES,
  type Hcall,
  type HcallReturn,
  type Ioba,
  type RtasCall,
  type RtasReturn,
  unreachable,
} from '@spapr-dma/protocol';
import type { BootFrame } from './boot.js';
import type { CreateDdwFrame } from './create-ddw.js';
import type { WithDevicesFrame } from './device-lock.js';
import type { DlparFrame } from './dlpar.js';
import type { DmaMapFrame, DmaMapSgFrame } from './dma-map.js';
import type { DmaSetMaskFrame } from './dma-set-mask.js';
import type { DmaUnmapFrame } from './dma-unmap.js';
import type { DrcFrame } from './drc.js';
import type { EnableDdwFrame } from './enable-ddw.js';
import type { FirmwareFrame } from './firmware.js';
import type { GuestKernel, LockName } from './guest-state.js';
import type { InitTableFrame } from './iommu-init-table.js';
import type { MemoryNotifierFrame } from './memory-notifier.js';
import type { BusSetupFrame, DevSetupFrame } from './pci-dma-setup.js';
import type { QueryDdwFrame, QueryDdwResponse } from './query-ddw.js';
import type { ReleaseDriverFrame } from './release-driver.js';
import type { RemoveDmaWindowFrame } from './remove-dma-window.js';
import type { ResetDmaWindowFrame } from './reset-dma-window.js';
import type { RtasCallFrame } from './rtas-call.js';
import type { TceBuildFrame } from './tce-build.js';
import type { TceBuildMultiFrame } from './tce-buildmulti.js';
import type { TceExchangeFrame } from './tce-exchange.js';
import type { TceFreeFrame, TceFreeMultiFrame } from './tce-free.js';
import type { TceClearRangeFrame, TceSetRangeFrame } from './tce-range.js';
import type { VfioCreateTableFrame } from './vfio-create-table.js';
import type { VfioMapFrame } from './vfio-map.js';
import type { VfioOwnershipFrame } from './vfio-ownership.js';
import type { VfioUnsetWindowFrame } from './vfio-unset-window.js';

/**
 * What a vCPU does is a stack of frames, like the kernel's own: each frame is one kernel function with its
 * arguments, its local variables, and the place `at` which it goes on. A frame is plain data, so a vCPU that
 * waits for an answer is a value.
 */
export type Frame =
  | FirmwareFrame
  | BootFrame
  | BusSetupFrame
  | DevSetupFrame
  | InitTableFrame
  | WithDevicesFrame
  | DmaSetMaskFrame
  | ReleaseDriverFrame
  | EnableDdwFrame
  | QueryDdwFrame
  | CreateDdwFrame
  | RemoveDmaWindowFrame
  | ResetDmaWindowFrame
  | RtasCallFrame
  | DmaMapFrame
  | DmaMapSgFrame
  | DmaUnmapFrame
  | TceBuildFrame
  | TceBuildMultiFrame
  | TceFreeFrame
  | TceFreeMultiFrame
  | TceSetRangeFrame
  | TceClearRangeFrame
  | TceExchangeFrame
  | MemoryNotifierFrame
  | DrcFrame
  | DlparFrame
  | VfioOwnershipFrame
  | VfioCreateTableFrame
  | VfioUnsetWindowFrame
  | VfioMapFrame;

type Without<T, Keys extends string> = T extends unknown ? Omit<T, Keys> : never;
/** A call without its envelope, which the vCPU adds. */
export type HcallRequest = Without<Hcall, 'from' | 'to' | 'thread'>;
export type RtasRequest = Without<RtasCall, 'from' | 'to' | 'thread'>;
/** A report without its envelope. */
export type ReportBody = Without<GuestReport, 'from' | 'to' | 'thread'>;

/** What a kernel function returns: a return code, the outputs of a query or a creation, or RTAS's answer. */
export type Value = number | null | QueryDdwResponse | CreateDdwResponse | RtasReturn;
export interface CreateDdwResponse {
  readonly ret: number;
  readonly liobn: number;
  readonly start: Ioba;
}

/** Why a frame goes on: it begins, or has a lock now; an answer came; or a function it called returned. */
export type Resumption =
  | { readonly type: 'begin' }
  | HcallReturn
  | RtasReturn
  | { readonly type: 'returned'; readonly value: Value };

/** What a frame does next. */
export type Next =
  | { readonly do: 'hcall'; readonly frame: Frame; readonly request: HcallRequest }
  | { readonly do: 'rtas'; readonly frame: Frame; readonly request: RtasRequest }
  | { readonly do: 'lock'; readonly frame: Frame; readonly lock: LockName }
  | { readonly do: 'call'; readonly frame: Frame; readonly callee: Frame }
  | { readonly do: 'goto'; readonly frame: Frame }
  | { readonly do: 'return'; readonly value: Value };

/** One step of one frame: what it changed, what it reported, and what it does next. */
export interface Step {
  readonly kernel: GuestKernel;
  readonly reports: readonly ReportBody[];
  readonly next: Next;
}
export type StepFunction<F extends Frame> = (
  kernel: GuestKernel,
  frame: F,
  resumed: Resumption,
  cpu: number,
) => Step;

/** Builders for steps; each names what the frame does next. */
export const hcall = (
  kernel: GuestKernel,
  frame: Frame,
  request: HcallRequest,
  reports: readonly ReportBody[] = [],
): Step => ({ kernel, reports, next: { do: 'hcall', frame, request } });
export const rtas = (
  kernel: GuestKernel,
  frame: Frame,
  request: RtasRequest,
  reports: readonly ReportBody[] = [],
): Step => call(kernel, frame, { fn: 'rtas_call', at: 'begin', request }, reports);
export const lock = (kernel: GuestKernel, frame: Frame, name: LockName): Step => ({
  kernel,
  reports: [],
  next: { do: 'lock', frame, lock: name },
});
export const call = (
  kernel: GuestKernel,
  frame: Frame,
  callee: Frame,
  reports: readonly ReportBody[] = [],
): Step => ({ kernel, reports, next: { do: 'call', frame, callee } });
export const goto = (kernel: GuestKernel, frame: Frame, reports: readonly ReportBody[] = []): Step => ({
  kernel,
  reports,
  next: { do: 'goto', frame },
});
export const ret = (kernel: GuestKernel, value: Value = null, reports: readonly ReportBody[] = []): Step => ({
  kernel,
  reports,
  next: { do: 'return', value },
});

/** A line of the kernel's log. */
export const printk = (text: string): ReportBody => ({ type: 'printk', text });

/** The number in r3, where a hypercall's answer is what the frame waits for. */
export const rcOf = (resumed: Resumption): number =>
  resumed.type === 'hcall-return'
    ? HCALL_CODES[resumed.status]
    : unreachable('a frame that waits for a hypercall got something else');
/** The return code of a function that was called. */
export const returnedRc = (resumed: Resumption): number =>
  resumed.type === 'returned' && typeof resumed.value === 'number'
    ? resumed.value
    : unreachable('a frame that waits for a return code got something else');
/** What a query returned. */
export const returnedQuery = (resumed: Resumption): QueryDdwResponse =>
  resumed.type === 'returned' && isRecord(resumed.value) && 'pageSizes' in resumed.value
    ? resumed.value
    : unreachable('a frame that waits for a query got something else');
/** What a creation returned. */
export const returnedWindow = (resumed: Resumption): CreateDdwResponse =>
  resumed.type === 'returned' && isRecord(resumed.value) && 'liobn' in resumed.value
    ? resumed.value
    : unreachable('a frame that waits for a window got something else');
const isRecord = (value: Value): value is QueryDdwResponse | CreateDdwResponse | RtasReturn =>
  typeof value === 'object' && value !== null;
/** The answer of RTAS. */
export const rtasAnswer = (resumed: Resumption): RtasReturn =>
  resumed.type === 'returned' && isRecord(resumed.value) && 'hcallStatus' in resumed.value
    ? resumed.value
    : unreachable('a frame that waits for RTAS got something else');

/** −44: the only answer of a mapping hypercall that the kernel undoes. */
export const H_NOT_ENOUGH_RESOURCES = HCALL_CODES.H_NOT_ENOUGH_RESOURCES;
export const hex = (value: bigint | number): string => `0x${value.toString(16)}`;
