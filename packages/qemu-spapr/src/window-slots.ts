import { type Buid, buid, type Liobn, liobn, PCI_LIOBN_BIT, PHB_BUID_BASE } from '@spapr-dma/protocol';

/** LIOBN of a window slot of a PHB. @see [QEMU] include/hw/ppc/spapr.h: SPAPR_PCI_LIOBN */
export const pciLiobn = (phbIndex: number, slot: 0 | 1): Liobn =>
  liobn(PCI_LIOBN_BIT | (phbIndex << 8) | slot);

/** LIOBN of a VIO device's table. */
export const vioLiobn = (reg: number): Liobn => liobn(reg);

/** BUID of a PHB. */
export const buidOf = (phbIndex: number): Buid => buid(PHB_BUID_BASE + BigInt(phbIndex));

/**
 * Which slot a create takes where both are free. QEMU takes the first child in the order of a hash table,
 * which is slot 0 on every PHB observed (index 0 to 30) but one.
 *
 * Abstraction: the hash table's order is taken from observation, not computed.
 * @see [QEMU] hw/ppc/spapr_rtas_ddw.c: spapr_phb_get_free_liobn
 */
export const slotOrderOf = (phbIndex: number): readonly [0 | 1, 0 | 1] => (phbIndex === 28 ? [1, 0] : [0, 1]);
