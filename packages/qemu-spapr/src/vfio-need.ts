import type { Liobn } from '@spapr-dma/protocol';
import type { Frame } from './frames.js';
import type { QemuState } from './state.js';

/** What a table does when its first notifier comes or its last one has gone. */
export const flagsChanged = (_qemu: QemuState, _liobn: Liobn, _need: boolean): Frame | null => null;

/** KVM cannot drive the hardware with this view, so it moves to QEMU. */
export const outOfKvm = (_qemu: QemuState, _liobn: Liobn): Frame | null => null;
