import type { Gpa, Ua } from '@spapr-dma/protocol';

/** Where guest physical address 0 lies in QEMU's address space. */
const RAM_UA_BASE = 0x7f00_0000_0000n;

/**
 * Where guest memory lies in QEMU's address space.
 *
 * Abstraction: all of guest memory is one piece of QEMU's address space, at one distance from its guest address.
 */
export const uaOfGpa = (gpa: Gpa): Ua => (RAM_UA_BASE + gpa) as Ua;
