import { PCI_LIOBN_BIT } from '@spapr-dma/protocol';

/** PHB index and slot of a PCI LIOBN. */
export const slotOfLiobn = (liobn: bigint): { readonly index: number; readonly slot: number } => ({
  index: Number((liobn >> 8n) & 0x7f_ffffn),
  slot: Number(liobn & 0xffn),
});

/** Is it a PHB's table? QEMU asks bit 31. */
export const isPciLiobn = (liobn: bigint): boolean => (liobn & BigInt(PCI_LIOBN_BIT)) !== 0n;
