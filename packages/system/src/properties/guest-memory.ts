import type { QemuState } from '@spapr-dma/qemu-spapr';
import type { VfioHost } from '@spapr-dma/vfio-host';
import type { SystemState } from '../choices.js';
import { uaOfGpa } from '../memory-layout.js';
import { qemusMm, vfioIn } from './host-state.js';
import { guestsQemu } from './property.js';

/** A piece of QEMU's memory that lies in one piece in the host. */
interface Piece {
  readonly ua: bigint;
  readonly end: bigint;
  readonly hpa: bigint;
}

/** Where the guest's RAM lies in the host. */
export interface GuestMemory {
  readonly ram: QemuState['ram'];
  readonly pieces: readonly Piece[];
  /** Equal for two memories that are laid out alike. */
  readonly key: string;
}

const pieceOf = ({
  ua,
  bytes,
  hpa,
}: {
  readonly ua: bigint;
  readonly bytes: bigint;
  readonly hpa: bigint;
}): Piece => ({
  ua,
  end: ua + bytes,
  hpa,
});

/** Registered memory first: what was pinned stays where it was, whatever became of the process's mappings. */
const piecesOf = (vfio: VfioHost | undefined): readonly Piece[] => {
  const mm = vfio === undefined ? undefined : qemusMm(vfio);
  if (mm === undefined) return [];
  return [...mm.regions.flatMap(({ pieces }) => pieces), ...mm.vmas].map(pieceOf);
};

export function guestMemoryIn(state: SystemState): GuestMemory {
  const ram = guestsQemu(state)?.ram ?? [];
  const pieces = piecesOf(vfioIn(state));
  const blocks = ram.map(({ gpa, bytes }) => `${gpa}+${bytes}`);
  const key = [...blocks, ...pieces.map(({ ua, end, hpa }) => `${ua}-${end}@${hpa}`)].join(' ');
  return { ram, pieces, key };
}

/** Where a byte of the guest's RAM lies in the host; null for an address that is no RAM. */
export function hpaOf({ ram, pieces }: GuestMemory, gpa: bigint): bigint | null {
  if (!ram.some((block) => gpa >= block.gpa && gpa < block.gpa + block.bytes)) return null;
  const ua = uaOfGpa(gpa);
  const piece = pieces.find((each) => ua >= each.ua && ua < each.end);
  return piece === undefined ? null : piece.hpa + (ua - piece.ua);
}
