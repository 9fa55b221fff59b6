import { type Gpa, gpa, INDIRECT_LIST_BYTES } from '@spapr-dma/protocol';
import type { GuestConfig } from './guest-config.js';

/**
 * Where a vCPU keeps its indirect lists: a page of its own, used with interrupts off.
 *
 * Abstraction: the page is there from the start, so the fallback for a failed allocation is not modelled.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: tce_page
 */
export const tcePageOf = (config: GuestConfig, cpu: number): Gpa =>
  gpa(config.tcePage + BigInt(cpu) * INDIRECT_LIST_BYTES);
