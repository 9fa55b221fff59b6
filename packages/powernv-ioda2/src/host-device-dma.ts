import type { HostDeviceDma, HostDmaDone, HostDmaPiece, Ioba } from '@spapr-dma/protocol';
import { peNow } from './opal.js';
import { FROM_POWERNV, type Running } from './sent.js';
import { deviceOf, type Pe, peOfDevice, withAccident, withPe } from './state.js';
import { translate } from './translate.js';

/**
 * A device's access on the bus, in pieces that do not cross a page. A piece that is refused freezes the PE, on
 * hardware that does so, and then the pieces behind it are refused too.
 */
export function hostDeviceDma(running: Running, call: HostDeviceDma): HostDmaDone {
  const device = deviceOf(running.powernv, call.device);
  const pe = device === undefined ? undefined : peOfDevice(running.powernv, device);
  const pieces: HostDmaPiece[] = [];
  let address = call.address as bigint;
  const end = address + BigInt(call.bytes);
  while (pe !== undefined && address < end) {
    const piece = pieceAt(running, pe, call, address as Ioba, end - address);
    pieces.push(piece);
    address += BigInt(piece.bytes);
  }
  return { type: 'host-dma-done', ...FROM_POWERNV, thread: call.thread, device: call.device, pieces };
}

/** Pieces that no window takes end at 4 KiB boundaries. */
const PIECE = 0x1000n;

function pieceAt(
  running: Running,
  at: Pe,
  { access, cache = 'hit' }: HostDeviceDma,
  address: Ioba,
  left: bigint,
): HostDmaPiece {
  const pe = peNow(running, at);
  const found = translate(running.powernv, pe, address, access, cache);
  if (found.outcome === 'ram') {
    if (found.through === 'freed table') running.powernv = withAccident(running.powernv, 'useAfterFree');
    const length = Number(found.length < left ? found.length : left);
    return { address, bytes: length, hpa: found.hpa, outcome: 'ram', through: found.through, why: '' };
  }
  if (running.powernv.config.freezesOnFault) {
    running.powernv = withPe(running.powernv, { ...pe, dma: 'frozen' });
  }
  const length = PIECE - (address & (PIECE - 1n));
  return {
    address,
    bytes: Number(length < left ? length : left),
    hpa: null,
    outcome: 'frozen',
    through: null,
    why: found.why,
  };
}
