import type { QemuFrame } from './frames-qemu.js';
import type { VfioFrame } from './frames-vfio.js';

/**
 * What the holder of the big lock does is a stack of frames, like QEMU's own: each frame is one function with
 * its arguments, its local variables, and the place `at` which it goes on. A frame is plain data, so a holder
 * that waits for a system call is a value.
 */
export type Frame = QemuFrame | VfioFrame;
