import { type DeviceDma, type DmaPiece, ioba, TCE_READ, TCE_WRITE } from '@spapr-dma/protocol';
import { type Outcome, type QemuSent, traced } from './sent.js';
import { type EnabledTable, type QemuState, tableOf, windowsOfPhb } from './state.js';
import { translate } from './translate.js';

/** Where there is nothing to reach, QEMU goes on in steps of at most this many bytes, each with a lookup. */
const UNASSIGNED_BYTES = 4n;

const contains = ({ region }: EnabledTable, address: bigint): boolean =>
  address >= region.start && address < region.start + region.bytes;

/**
 * The window that answers at an IOBA. Where two overlap, the one in slot 1 does, with an empty entry too.
 * @see [QEMU] hw/ppc/spapr_pci.c: spapr_phb_realize (the order of the windows' roots)
 */
function windowAt(qemu: QemuState, { target }: DeviceDma, address: bigint): EnabledTable | undefined {
  if (target.kind === 'vio') {
    const table = tableOf(qemu, BigInt(target.liobn));
    return table?.mode === 'enabled' && contains(table, address) ? table : undefined;
  }
  return windowsOfPhb(qemu, target.index).findLast((table) => contains(table, address));
}

/** Does a VIO device reach guest memory past its window, wherever that ends? */
const bypasses = (qemu: QemuState, { target }: DeviceDma): boolean =>
  target.kind === 'vio' && tableOf(qemu, BigInt(target.liobn))?.bypass === true;

const inRam = (qemu: QemuState, address: bigint, bytes: bigint): bigint => {
  const block = qemu.ram.find(({ gpa, bytes: size }) => address >= gpa && address < gpa + size);
  if (block === undefined) return 0n;
  const left = block.gpa + block.bytes - address;
  return left < bytes ? left : bytes;
};

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/**
 * Bytes of one such step: a power of 2 that the address is aligned to.
 * @see [QEMU] softmmu/physmem.c: memory_access_size
 */
function stepBytes(address: bigint, left: bigint): bigint {
  let bytes = UNASSIGNED_BYTES;
  while (bytes > left || address % bytes !== 0n) bytes /= 2n;
  return bytes;
}

/** One piece of a transfer, and the line of its lookup where there was one. */
interface Reached {
  readonly bytes: bigint;
  readonly gpa: bigint | null;
  readonly looked: readonly QemuSent[];
}

/** How far the transfer gets from `address` in one go, and where that is in guest memory. */
function reach(qemu: QemuState, call: DeviceDma, address: bigint, left: bigint): Reached {
  if (bypasses(qemu, call)) return reachMemory(qemu, left, address, []);
  const table = windowAt(qemu, call, address);
  if (table === undefined) return { bytes: stepBytes(address, left), gpa: null, looked: [] };
  const offset = address - table.region.start;
  const { translated, perm, addrMask } = translate(table, offset);
  const looked = [
    traced({
      event: 'spapr_iommu_xlate',
      liobn: BigInt(table.liobn),
      address: offset,
      translated,
      perm,
      mask: Number(addrMask & 0xffff_ffffn),
    }),
  ];
  const wanted = call.access === 'read' ? TCE_READ : TCE_WRITE;
  const inPage = offset & addrMask;
  if ((BigInt(perm) & wanted) === 0n) {
    return { bytes: stepBytes(offset, left), gpa: null, looked };
  }
  const room = min(left, min(addrMask + 1n - inPage, table.region.start + table.region.bytes - address));
  return reachMemory(qemu, room, translated | inPage, looked);
}

function reachMemory(qemu: QemuState, room: bigint, gpa: bigint, looked: readonly QemuSent[]): Reached {
  const bytes = inRam(qemu, gpa, room);
  if (bytes > 0n) return { bytes, gpa, looked };
  return { bytes: stepBytes(gpa, room), gpa: null, looked };
}

/** Joins a piece to the one before it where both had the same fate and nothing lies between. */
function joined(pieces: readonly DmaPiece[], piece: DmaPiece): readonly DmaPiece[] {
  const last = pieces.at(-1);
  const follows =
    last?.outcome === piece.outcome &&
    (last.gpa === null ? piece.gpa === null : piece.gpa === last.gpa + BigInt(last.bytes));
  if (last === undefined || !follows) return [...pieces, piece];
  return [...pieces.slice(0, -1), { ...last, bytes: last.bytes + piece.bytes }];
}

/**
 * An emulated device reads or writes guest memory through its window, page by page, each page by its own
 * entry. What may not be read comes back as zeros; what may not be written is dropped; nobody is told.
 * @see [QEMU] softmmu/physmem.c: address_space_rw; hw/ppc/spapr_iommu.c: spapr_tce_translate_iommu
 */
export function deviceDma(qemu: QemuState, call: DeviceDma): Outcome {
  const missed = call.access === 'read' ? 'zeros' : 'dropped';
  const sent: QemuSent[] = [];
  let pieces: readonly DmaPiece[] = [];
  let address: bigint = call.ioba;
  let left = BigInt(call.bytes);
  while (left > 0n) {
    const { bytes, gpa, looked } = reach(qemu, call, address, left);
    sent.push(...looked);
    pieces = joined(pieces, {
      ioba: ioba(address),
      bytes: Number(bytes),
      gpa,
      outcome: gpa === null ? missed : 'ram',
    });
    address = BigInt.asUintN(64, address + bytes);
    left -= bytes;
  }
  return {
    qemu,
    sent: [...sent, { type: 'dma-done', from: 'qemu-spapr', to: 'environment', thread: call.thread, pieces }],
  };
}
