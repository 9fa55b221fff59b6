import type { Errno, HcallCode } from '@spapr-dma/protocol';
import type { Frame } from './frames.js';
import type { Answer, WaitingPlace } from './places.js';
import type { QuestionBody, ReportBody } from './sent.js';
import type { KvmState } from './state.js';

/** What a function gives back to the one that called it. */
export type Returned =
  | { readonly kind: 'nothing' }
  /** A handler's answer; r4 of a successful H_GET_TCE. */
  | { readonly kind: 'hcall'; readonly status: HcallCode; readonly tce: bigint | null }
  /** How many guest entries were done, and why no more. */
  | { readonly kind: 'entries'; readonly status: HcallCode; readonly done: number }
  /** The hardware entry that could not be counted down; null where all were. */
  | { readonly kind: 'dropped'; readonly failedAt: number | null }
  | { readonly kind: 'syscall'; readonly value: number; readonly errno: Errno | null };

/** Why a function goes on: it was called, it has its answer, or what it called has returned. */
export type Resumption =
  | { readonly type: 'begin' }
  | { readonly type: 'answer'; readonly answer: Answer }
  | { readonly type: 'returned'; readonly value: Returned };

/** What a function does next. */
export type Next =
  | { readonly do: 'ask'; readonly at: WaitingPlace; readonly frame: Frame; readonly question: QuestionBody }
  | { readonly do: 'call'; readonly frame: Frame; readonly callee: Frame }
  | { readonly do: 'return'; readonly value: Returned };

/** A function's step: what it left behind, what it told, and how it goes on. */
export interface Step {
  readonly kvm: KvmState;
  readonly reports: readonly ReportBody[];
  readonly next: Next;
}
export type StepFunction<F extends Frame> = (kvm: KvmState, frame: F, resumed: Resumption) => Step;

/** Asks another machine, and waits at a place for its answer. */
export const ask = (
  kvm: KvmState,
  at: WaitingPlace,
  frame: Frame,
  question: QuestionBody,
  reports: readonly ReportBody[] = [],
): Step => ({ kvm, reports, next: { do: 'ask', at, frame, question } });

/** Calls another function. */
export const call = (
  kvm: KvmState,
  frame: Frame,
  callee: Frame,
  reports: readonly ReportBody[] = [],
): Step => ({ kvm, reports, next: { do: 'call', frame, callee } });

const giveBack = (kvm: KvmState, value: Returned, reports: readonly ReportBody[]): Step => ({
  kvm,
  reports,
  next: { do: 'return', value },
});

export const done = (kvm: KvmState, reports: readonly ReportBody[] = []): Step =>
  giveBack(kvm, { kind: 'nothing' }, reports);
export const answerHcall = (
  kvm: KvmState,
  status: HcallCode,
  reports: readonly ReportBody[] = [],
  tce: bigint | null = null,
): Step => giveBack(kvm, { kind: 'hcall', status, tce }, reports);
export const entriesDone = (
  kvm: KvmState,
  status: HcallCode,
  count: number,
  reports: readonly ReportBody[] = [],
): Step => giveBack(kvm, { kind: 'entries', status, done: count }, reports);
export const dropped = (kvm: KvmState, failedAt: number | null): Step =>
  giveBack(kvm, { kind: 'dropped', failedAt }, []);
export const succeed = (kvm: KvmState, value = 0, reports: readonly ReportBody[] = []): Step =>
  giveBack(kvm, { kind: 'syscall', value, errno: null }, reports);
export const refuse = (kvm: KvmState, errno: Errno, reports: readonly ReportBody[] = []): Step =>
  giveBack(kvm, { kind: 'syscall', value: 0, errno }, reports);
