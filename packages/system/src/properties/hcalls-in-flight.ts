import type { Hcall, HcallReturn, TceHcall, ThreadId } from '@spapr-dma/protocol';
import type { QemuState } from '@spapr-dma/qemu-spapr';
import { begunCall, enabledTable, type ObservedStep, rangeOf } from './property.js';

/** A hypercall on TCEs that is not answered yet. */
export interface HcallInFlight {
  readonly thread: ThreadId;
  readonly call: TceHcall;
  /** Another call that was under way at the same time has to do with the same entries, and one of them writes. */
  readonly meddled: boolean;
}

/** A hypercall on TCEs that the guest gets an answer to in this step. */
export interface AnsweredHcall extends HcallInFlight {
  readonly answer: HcallReturn;
}

const TCE_HCALLS = new Set<string>(['H_PUT_TCE', 'H_PUT_TCE_INDIRECT', 'H_STUFF_TCE', 'H_GET_TCE']);
const isTceHcall = (call: { readonly type: string } | undefined): call is TceHcall =>
  call !== undefined && TCE_HCALLS.has(call.type);

/** How many entries a call is about. */
export const pagesOf = (call: TceHcall): bigint => ('npages' in call ? call.npages : 1n);

/** The values that a call writes: one for all, or one for each entry; null for one that reads. */
export function writtenBy(call: TceHcall): readonly bigint[] | bigint | null {
  switch (call.type) {
    case 'H_PUT_TCE':
      return call.tce;
    case 'H_STUFF_TCE':
      return call.tceValue;
    case 'H_PUT_TCE_INDIRECT':
      return call.tces;
    case 'H_GET_TCE':
      return null;
  }
}

function overlap(qemu: QemuState | undefined, a: TceHcall, b: TceHcall): boolean {
  if (a.liobn !== b.liobn) return false;
  const table = enabledTable(qemu, a.liobn);
  if (table === undefined) return true;
  const [x, y] = [rangeOf(table, a.ioba, pagesOf(a)), rangeOf(table, b.ioba, pagesOf(b))];
  return x.first < y.first + y.count && y.first < x.first + x.count;
}

/** What is in flight after a step, and what was answered in it. */
export interface Flight {
  readonly inFlight: readonly HcallInFlight[];
  readonly begun: TceHcall | null;
  readonly answered: readonly AnsweredHcall[];
}

/** Keeps book of the hypercalls on TCEs, from when KVM or QEMU takes them until the guest is answered. */
export function flightAfter(
  before: readonly HcallInFlight[],
  step: ObservedStep,
  qemu: QemuState | undefined,
): Flight {
  const call = begunCall(step) as Hcall | undefined;
  const begun = isTceHcall(call) ? call : null;
  let inFlight = before;
  if (begun !== null) {
    const writes = writtenBy(begun) !== null;
    const meddles = ({ call: other, thread }: HcallInFlight): boolean =>
      thread !== begun.thread && (writes || writtenBy(other) !== null) && overlap(qemu, begun, other);
    const others = inFlight.filter(({ thread }) => thread !== begun.thread);
    inFlight = [
      ...others.map((each) => (meddles(each) ? { ...each, meddled: true } : each)),
      { thread: begun.thread, call: begun, meddled: others.some(meddles) },
    ].sort((a, b) => (a.thread < b.thread ? -1 : 1));
  }
  const answers = step.moved.sent.flatMap(({ message }) =>
    message.type === 'hcall-return' && message.to === 'guest-kernel'
      ? [message as unknown as HcallReturn]
      : [],
  );
  if (answers.length === 0) return { inFlight, begun, answered: [] };
  const answered = inFlight.flatMap((each) => {
    const answer = answers.find(({ thread }) => thread === each.thread);
    return answer === undefined ? [] : [{ ...each, answer }];
  });
  const left = inFlight.filter(({ thread }) => !answers.some((answer) => answer.thread === thread));
  return { inFlight: left, begun, answered };
}
