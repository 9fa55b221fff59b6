import { type Bytes, bytes, type OpalCode } from '@spapr-dma/protocol';
import { opalPciMapPeDmaWindowReal, peNow } from './opal.js';
import { type Running, ran } from './sent.js';
import { type Pe, withPe } from './state.js';

/** The least power of two that is not less. */
export const roundUpPow2 = (size: bigint): Bytes =>
  bytes(size <= 1n ? 1n : 1n << BigInt((size - 1n).toString(2).length));
/** The greatest power of two that is not more. */
export const roundDownPow2 = (size: bigint): Bytes => bytes(1n << BigInt(size.toString(2).length - 1));

/**
 * Turns the bypass window on or off. What the firmware refuses is logged, and the kernel goes on believing
 * what it believed.
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_pci_ioda2_set_bypass
 */
export function setBypass(running: Running, pe: Pe, enable: boolean): OpalCode {
  ran(running, 'pnv_pci_ioda2_set_bypass', { pe: pe.pe, enable: enable ? 1 : 0 });
  const size = enable ? roundUpPow2(running.powernv.config.ramBytes) : bytes(0n);
  const code = opalPciMapPeDmaWindowReal(running, pe, size);
  if (code === 'OPAL_SUCCESS') {
    running.powernv = withPe(running.powernv, { ...peNow(running, pe), bypassEnabled: enable });
  }
  return code;
}
