import type { HcallCode, HFreeCrq, HRegCrq } from '@spapr-dma/protocol';
import { hcallReturn, type Outcome, traced } from './sent.js';
import { type QemuState, vioOf, withVio } from './state.js';

const CRQ_BYTES_MIN = 0x1000n;
const CRQ_BYTES_MAX = 0x1000_0000n;
const CRQ_ALIGNMENT = 0x1000n;

function hRegCrqStatus(qemu: QemuState, { unit, queue, length }: HRegCrq): HcallCode {
  const vio = vioOf(qemu, unit);
  if (vio === undefined) return 'H_PARAMETER';
  if (length < CRQ_BYTES_MIN || length > CRQ_BYTES_MAX) return 'H_PARAMETER';
  if (queue % CRQ_ALIGNMENT !== 0n) return 'H_PARAMETER';
  if (!vio.supportsCrq) return 'H_NOT_FOUND';
  return vio.crq === 'registered' ? 'H_RESOURCE' : 'H_SUCCESS';
}

/**
 * Registers a VIO device's command queue.
 * @see [QEMU] hw/ppc/spapr_vio.c: h_reg_crq
 */
export function hRegCrq(qemu: QemuState, call: HRegCrq): Outcome {
  const status = hRegCrqStatus(qemu, call);
  const vio = vioOf(qemu, call.unit);
  if (status !== 'H_SUCCESS' || vio === undefined) return { qemu, sent: [hcallReturn(call, status)] };
  const { unit, queue, length } = call;
  return {
    qemu: withVio(qemu, { ...vio, crq: 'registered' }),
    sent: [traced({ event: 'spapr_vio_h_reg_crq', unit, queue, length }), hcallReturn(call, status)],
  };
}

/**
 * Frees one VIO device's command queue; its TCEs stay, unlike in `quiesce`.
 * @see [QEMU] hw/ppc/spapr_vio.c: h_free_crq
 */
export function hFreeCrq(qemu: QemuState, call: HFreeCrq): Outcome {
  const vio = vioOf(qemu, call.unit);
  if (vio === undefined) return { qemu, sent: [hcallReturn(call, 'H_PARAMETER')] };
  return {
    qemu: withVio(qemu, { ...vio, crq: 'free' }),
    sent: [traced({ event: 'spapr_vio_free_crq', unit: BigInt(vio.reg) }), hcallReturn(call, 'H_SUCCESS')],
  };
}
