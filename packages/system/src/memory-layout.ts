import type { Bytes, Gpa, Hpa, Ua, Vma } from '@spapr-dma/protocol';

/** Where guest physical address 0 lies in QEMU's address space, and in the memory of the host. */
const UA_BASE = 0x7f00_0000_0000n;
const HPA_BASE = 0x10_0000_0000n;

/** Where guest memory lies in QEMU's address space. */
export const uaOfGpa = (gpa: bigint): Ua => (UA_BASE + gpa) as Ua;

/**
 * QEMU's mapping of guest memory at an address.
 *
 * Abstraction: guest memory lies in the host in the order of its guest addresses.
 * @param pageShift log2 of the pages behind it: the host's, or those of hugetlb memory
 */
export const vmaOf = (gpa: Gpa, bytes: Bytes, pageShift: number): Vma => ({
  ua: uaOfGpa(gpa),
  bytes,
  access: 'read-write',
  pageShift,
  hpa: (HPA_BASE + gpa) as Hpa,
});
