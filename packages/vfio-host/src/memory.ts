import { type Bytes, bytes, type Hpa, type Ua, type Vma } from '@spapr-dma/protocol';
import type { RegionPiece } from './objects.js';

/** An end of a range of addresses: the first byte behind it. */
export const endOf = ({ ua, bytes: size }: { readonly ua: Ua; readonly bytes: Bytes }): bigint => ua + size;

/** The part of a mapping from `from` to `to`. */
function part<Piece extends RegionPiece | Vma>(piece: Piece, from: bigint, to: bigint): Piece {
  const hpa = (piece.hpa + (from - piece.ua)) as Hpa;
  return { ...piece, ua: from as Ua, bytes: bytes(to - from), hpa };
}

/** Neighbours that go on in the host's memory with the same pages and rights are one. */
function joined<Piece extends RegionPiece | Vma>(pieces: readonly Piece[]): readonly Piece[] {
  const accessOf = (piece: Piece) => ('access' in piece ? piece.access : null);
  return pieces.reduce<Piece[]>((list, piece) => {
    const last = list.at(-1);
    const goesOn =
      last !== undefined &&
      endOf(last) === piece.ua &&
      last.hpa + last.bytes === piece.hpa &&
      last.pageShift === piece.pageShift &&
      accessOf(last) === accessOf(piece);
    if (goesOn) list[list.length - 1] = { ...last, bytes: bytes(last.bytes + piece.bytes) };
    else list.push(piece);
    return list;
  }, []);
}

/** What is left of mappings outside a range. */
function outside(vmas: readonly Vma[], ua: bigint, end: bigint): readonly Vma[] {
  return vmas.flatMap((vma) => [
    ...(vma.ua < ua ? [part(vma, vma.ua, endOf(vma) < ua ? endOf(vma) : ua)] : []),
    ...(endOf(vma) > end ? [part(vma, vma.ua > end ? vma.ua : end, endOf(vma))] : []),
  ]);
}
/** What of mappings lies inside a range. */
function inside<Piece extends RegionPiece | Vma>(pieces: readonly Piece[], ua: bigint, end: bigint): Piece[] {
  return pieces
    .filter((piece) => piece.ua < end && endOf(piece) > ua)
    .map((piece) => part(piece, piece.ua > ua ? piece.ua : ua, endOf(piece) < end ? endOf(piece) : end));
}
const inOrder = (vmas: readonly Vma[]): readonly Vma[] =>
  joined([...vmas].sort((a, b) => (a.ua < b.ua ? -1 : 1)));

/** Memory comes; what was at its place goes. */
export const mapped = (vmas: readonly Vma[], vma: Vma): readonly Vma[] =>
  inOrder([...outside(vmas, vma.ua, endOf(vma)), ...(vma.bytes > 0n ? [vma] : [])]);
/** Memory goes. */
export const unmapped = (vmas: readonly Vma[], ua: Ua, size: Bytes): readonly Vma[] =>
  inOrder(outside(vmas, ua, ua + size));
/** Other rights hold for a range. */
export const protectedAs = (
  vmas: readonly Vma[],
  ua: Ua,
  size: Bytes,
  access: Vma['access'],
): readonly Vma[] =>
  inOrder([
    ...outside(vmas, ua, ua + size),
    ...inside(vmas, ua, ua + size).map((vma) => ({ ...vma, access })),
  ]);

/**
 * What of [ua, ua + size) can be pinned for writing from its start on, without a hole: where it lies in the
 * host. Memory that may only be read cannot be pinned so.
 */
export function writableFrom(vmas: readonly Vma[], ua: Ua, size: Bytes): readonly RegionPiece[] {
  const pieces: RegionPiece[] = [];
  let at: bigint = ua;
  for (const vma of inside(vmas, ua, ua + size)) {
    if (vma.ua !== at || vma.access !== 'read-write') break;
    pieces.push({ ua: vma.ua, bytes: vma.bytes, hpa: vma.hpa, pageShift: vma.pageShift });
    at = endOf(vma);
  }
  return joined(pieces);
}

/** The piece that holds an address. */
export const pieceAt = <Piece extends RegionPiece | Vma>(
  pieces: readonly Piece[],
  ua: bigint,
): Piece | undefined => pieces.find((piece) => piece.ua <= ua && ua < endOf(piece));

export const bytesOf = (pieces: readonly RegionPiece[]): bigint =>
  pieces.reduce((sum, piece) => sum + piece.bytes, 0n);
