import type { QemuAnswer, QemuCall } from '@spapr-dma/trace';
import { liobnOf } from './windows.js';

/** The lower half of the BUID of PHB 0. */
const BUID_LOW = 0x2000_0000;

/** Whose BUID has that lower half; no PHB's index where it is none. */
export const phbOfBuid = (low: number): number => (low >>> 0) - BUID_LOW;

/**
 * Where windows begin that a guest made, as QEMU told it: hypercalls do not show it to the byte. All others are default
 * windows, and begin where their PHB has them.
 */
export class WindowStarts {
  readonly #made = new Map<number, bigint>();

  /** Where the window of a LIOBN begins; undefined for a default window. */
  of(liobn: number): bigint | undefined {
    return this.#made.get(liobn);
  }

  /** A call was answered. */
  saw(call: QemuCall, answer: QemuAnswer): void {
    if (call.kind === 'monitor' && answer.kind === 'monitor' && answer.error === null) {
      if (call.op === 'system_reset') this.#made.clear();
      if (call.op === 'device_add' && call.device.driver !== 'pci') this.#forget(call.device.index);
    }
    if (call.kind !== 'rtas' || answer.kind !== 'rtas' || answer.rets[0] !== 0) return;
    const [, liobn = 0, high = 0, low = 0] = answer.rets;
    if (call.op === 'ibm,create-pe-dma-window') this.#made.set(liobn, (BigInt(high) << 32n) | BigInt(low));
    if (call.op === 'ibm,remove-pe-dma-window') this.#made.delete((call.args[0] ?? 0) >>> 0);
    if (call.op === 'ibm,reset-pe-dma-window') this.#forget(phbOfBuid(call.args[2] ?? 0));
  }

  #forget(phb: number): void {
    for (const slot of [0, 1]) this.#made.delete(liobnOf(phb, slot));
  }
}
