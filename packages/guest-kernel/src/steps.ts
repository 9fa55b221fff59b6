import { HCALL_CODES, type HcallReturn, type RtasReturn, unreachable } from '@spapr-dma/protocol';
import type { Frame } from './frames.js';
import type { CreateDdwResponse, QueryDdwResponse } from './frames-ddw.js';
import type { GuestKernel, LockName } from './guest-state.js';
import type { HcallRequest, ReportBody, RtasRequest } from './requests.js';

/** What a kernel function returns: a return code, the outputs of a query or a creation, or RTAS's answer. */
export type Value = number | null | QueryDdwResponse | CreateDdwResponse | RtasReturn;

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
