import { join32, type RtasCall } from '@spapr-dma/protocol';
import { type Phb, phbOfBuid, type QemuState } from './state.js';

/** The PHB that a DDW call names in args[1] and args[2], where its dynamic windows are on. */
export function ddwPhbOf(qemu: QemuState, { args }: RtasCall): Phb | undefined {
  const [, high = 0, low = 0] = args;
  const phb = phbOfBuid(qemu, join32(high, low));
  return phb?.properties.ddw ? phb : undefined;
}

/** Is a bit of a 64-bit mask set? The bit's number counts modulo 64, as a shift on the host does. */
export const hasBit = (mask: bigint, bit: number): boolean => ((mask >> BigInt(bit & 63)) & 1n) === 1n;
