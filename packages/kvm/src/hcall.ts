import { HCALL_CODES, type Hcall, type RtasCall, unreachable } from '@spapr-dma/protocol';
import type { Frame, HcallFrame } from './frames.js';
import { hGetTce } from './h-get-tce.js';
import { effect } from './sent.js';
import type { KvmState } from './state.js';
import { answerHcall, call, type Resumption, type Step } from './steps.js';

/** The real-mode handlers, by their calls. H_GET_TCE has one too, which does the same. */
const REAL_MODE: Partial<Record<Hcall['type'], string>> = {
  H_PUT_TCE: 'kvmppc_rm_h_put_tce',
  H_PUT_TCE_INDIRECT: 'kvmppc_rm_h_put_tce_indirect',
  H_STUFF_TCE: 'kvmppc_rm_h_stuff_tce',
};

/** Whether KVM has a handler for a call, and it is switched on. */
function isHandled({ enabledHcalls, config }: KvmState, call: Hcall | RtasCall): boolean {
  const isMulti = call.type === 'H_PUT_TCE_INDIRECT' || call.type === 'H_STUFF_TCE';
  if (isMulti) return config.features.multiTce && enabledHcalls[call.type];
  return (call.type === 'H_PUT_TCE' || call.type === 'H_GET_TCE') && enabledHcalls[call.type];
}

/** Whether a call meets a handler that runs with address translation off first (B-38). */
export const startsInRealMode = ({ config }: KvmState, call: Hcall | RtasCall): boolean =>
  config.switches.realMode === 'on' && call.type in REAL_MODE;

/** The handler of a call, about to begin. */
function handlerOf(call: Hcall | RtasCall, real: boolean): Frame {
  const begin = { at: 'begin', real, stt: -1, tables: [], entry: 0, table: 0 } as const;
  switch (call.type) {
    case 'H_PUT_TCE':
      return { fn: 'kvmppc_h_put_tce', call, ...begin, ua: null, failed: 'H_SUCCESS' };
    case 'H_PUT_TCE_INDIRECT':
      return { fn: 'kvmppc_h_put_tce_indirect', call, ...begin, failed: 'H_SUCCESS', done: 0, now: 0 };
    case 'H_STUFF_TCE':
      return { fn: 'kvmppc_h_stuff_tce', call, ...begin, done: 0 };
    default:
      return unreachable(`KVM has no handler for ${call.type}`);
  }
}

/**
 * A hypercall in KVM. What nobody here handles is QEMU's. Each handler that gives up leaves the call to the next one
 * up: real mode to virtual mode, virtual mode to QEMU.
 *
 * Abstraction: a real-mode handler gives up where a page of the guest view, a level of the userspace view or a region
 * is missing; that it also does where the list's page is young or huge is left out.
 * @see [Linux] arch/powerpc/kvm/book3s_hv.c: kvmppc_pseries_do_hcall
 */
export function hcall(kvm: KvmState, frame: HcallFrame, resumed: Resumption): Step {
  const { call: request, real } = frame;
  if (resumed.type === 'begin') {
    if (!isHandled(kvm, request)) return answerHcall(kvm, 'H_TOO_HARD');
    return request.type === 'H_GET_TCE' ? hGetTce(kvm, request) : call(kvm, frame, handlerOf(request, real));
  }
  if (resumed.type !== 'returned' || resumed.value.kind !== 'hcall') {
    return unreachable('a hypercall goes on without its handler having returned');
  }
  const { status, tce } = resumed.value;
  if (status !== 'H_TOO_HARD' || !real) return answerHcall(kvm, status, [], tce);
  const gaveUp = effect(REAL_MODE[request.type as Hcall['type']]!, { ret: HCALL_CODES.H_TOO_HARD });
  return call(kvm, { ...frame, real: false }, handlerOf(request, false), [gaveUp]);
}
