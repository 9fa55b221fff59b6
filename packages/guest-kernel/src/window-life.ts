import type { Buid } from '@spapr-dma/protocol';
import { existingDdw } from './enable-ddw.js';
import { type GuestKernel, nodeOf } from './guest-state.js';

/**
 * The life of a PHB's dynamic window as the guest sees it: which condition follows which, and why. A window
 * is `filling` from its creation until it is listed, and `going` from when its property is dropped.
 */
export const GUEST_WINDOW_LIFE = {
  absent: { 'ibm,create-pe-dma-window': 'filling' },
  filling: {
    'all RAM mapped': 'direct',
    'table cleared': 'dynamic',
    'RAM refused': 'absent',
    kexec: 'dynamic',
    'machine reset, PHB unplugged': 'absent',
  },
  direct: {
    kexec: 'dynamic',
    'VFIO takes the PHB': 'going',
    'machine reset, PHB unplugged': 'absent',
  },
  dynamic: {
    'VFIO takes the PHB, or unsets the window': 'going',
    'machine reset, PHB unplugged': 'absent',
  },
  going: { 'ibm,remove-pe-dma-window': 'absent' },
} as const satisfies Record<string, Record<string, string>>;
export type GuestWindowMode = keyof typeof GUEST_WINDOW_LIFE;

/** The condition of a PHB's dynamic window. */
export function guestWindowMode(kernel: GuestKernel, buid: Buid): GuestWindowMode {
  const property = nodeOf(kernel, buid)?.ddwProperty ?? null;
  const listed = existingDdw(kernel, buid);
  if (property === null) return listed === undefined ? 'absent' : 'going';
  if (listed === undefined) return 'filling';
  return listed.direct ? 'direct' : 'dynamic';
}
