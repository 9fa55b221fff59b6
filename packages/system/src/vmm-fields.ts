import type { Vma } from '@spapr-dma/protocol';
import { count, type Field, listOf, objectOf, oneOf, optional, u64 } from './story/fields.js';
import { VMM_DEFAULT } from './vmm.js';

const VMA = objectOf({
  ua: u64,
  bytes: u64,
  access: oneOf('none', 'read', 'read-write'),
  pageShift: count,
  hpa: u64,
}) as unknown as Field<Vma>;

/** The host of a VMM that is not QEMU, as files have it. */
export const VMM_FIELDS = {
  pageShift: optional(oneOf(12, 16), VMM_DEFAULT.pageShift),
  generation: optional(oneOf('PHB3', 'PHB4'), VMM_DEFAULT.generation),
  vmas: optional(listOf(VMA), VMM_DEFAULT.vmas),
  backingShift: optional(count, VMM_DEFAULT.backingShift),
} as const;
