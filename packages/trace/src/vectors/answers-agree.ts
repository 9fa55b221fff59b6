import type { DmaPiece } from '@spapr-dma/protocol';
import type { QemuAnswer } from './qemu-call.js';

const samePiece = (a: DmaPiece, b: DmaPiece | undefined): boolean =>
  a.ioba === b?.ioba && a.bytes === b.bytes && a.gpa === b.gpa && a.outcome === b.outcome;

/**
 * Are two answers the same? Every register and every cell that a guest sees, and every byte that a device moved, must be.
 * Of a command only whether it was refused: QEMU's words are its own. Of a QEMU that is gone, that it is.
 */
export function answersAgree(a: QemuAnswer, b: QemuAnswer): boolean {
  switch (a.kind) {
    case 'hcall':
      return b.kind === 'hcall' && a.rc === b.rc && a.tce === b.tce;
    case 'rtas':
      return (
        b.kind === 'rtas' &&
        a.rc === b.rc &&
        a.rets.length === b.rets.length &&
        a.rets.every((cell, at) => cell === b.rets[at])
      );
    case 'dma':
      return (
        b.kind === 'dma' &&
        a.pieces.length === b.pieces.length &&
        a.pieces.every((piece, at) => samePiece(piece, b.pieces[at]))
      );
    case 'monitor':
      return b.kind === 'monitor' && (a.error === null) === (b.error === null);
    case 'abort':
      return b.kind === 'abort';
  }
}
