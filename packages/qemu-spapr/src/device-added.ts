import { monitorReturn, type QemuSent } from './sent.js';
import type { QemuState } from './state.js';
import { ret, type Step } from './steps.js';

/** A device was added: the command's answer comes after what was said before. */
export const added = (qemu: QemuState, sent: readonly QemuSent[] = []): Step =>
  ret(qemu, '', [...sent, monitorReturn('device_add')]);

/** A device was not added. */
export const addFailed = (qemu: QemuState, why: string): Step =>
  ret(qemu, why, [monitorReturn('device_add', why)]);
