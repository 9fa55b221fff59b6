import {
  type DeviceDma,
  type DmaPiece,
  ioba,
  TCE_READ,
  TCE_WRITE,
  type ThreadId,
  unreachable,
  type ViewLoad,
  type ViewReturn,
} from '@spapr-dma/protocol';
import { type Outcome, type QemuSent, traced } from './sent.js';
import { type Dma, type EnabledTable, type QemuState, tableOf, windowsOfPhb } from './state.js';
import { indexOf, type Translation, translate, translated as translatedBy } from './translate.js';
import { isInKvm } from './view.js';

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

/** What one lookup says of a transfer's next bytes. */
interface Looked {
  readonly liobn: number;
  /** Where the bytes are, relative to the window, and how many follow in the transfer's reach. */
  readonly offset: bigint;
  readonly room: bigint;
  readonly found: Translation;
}

/** How far the transfer gets from `address` in one go, and where that is in guest memory. */
function reach(qemu: QemuState, call: DeviceDma, address: bigint, left: bigint): Reached | EnabledTable {
  if (bypasses(qemu, call)) return reachMemory(qemu, left, address, []);
  const table = windowAt(qemu, call, address);
  if (table === undefined) return { bytes: stepBytes(address, left), gpa: null, looked: [] };
  const offset = address - table.region.start;
  if (isInKvm(table) && indexOf(table, offset) !== undefined) return table;
  const room = min(left, table.region.start + table.region.bytes - address);
  return reachPage(qemu, call, left, { liobn: table.liobn, offset, room, found: translate(table, offset) });
}

/** How far it gets by one entry. */
function reachPage(
  qemu: QemuState,
  call: DeviceDma,
  left: bigint,
  { liobn, offset, room, found }: Looked,
): Reached {
  const { translated, perm, addrMask } = found;
  const looked = [
    traced({
      event: 'spapr_iommu_xlate',
      liobn: BigInt(liobn),
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
  return reachMemory(qemu, min(room, addrMask + 1n - inPage), translated | inPage, looked);
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

/** What is left of a transfer. */
type Rest = Pick<Dma, 'address' | 'left' | 'pieces'>;

/** A transfer after some more bytes. */
function moved(call: DeviceDma, rest: Rest, { bytes, gpa }: Reached): Rest {
  const missed = call.access === 'read' ? 'zeros' : 'dropped';
  const piece: DmaPiece = {
    ioba: ioba(rest.address),
    bytes: Number(bytes),
    gpa,
    outcome: gpa === null ? missed : 'ram',
  };
  return {
    address: BigInt.asUintN(64, rest.address + bytes),
    left: rest.left - bytes,
    pieces: joined(rest.pieces, piece),
  };
}

/** Goes on to the transfer's end, or until it needs an entry of a view in KVM. */
function goOn(qemu: QemuState, call: DeviceDma, start: Rest, before: readonly QemuSent[]): Outcome {
  const sent = [...before];
  let rest = start;
  while (rest.left > 0n) {
    const reached = reach(qemu, call, rest.address, rest.left);
    if ('liobn' in reached) return waits(qemu, call, rest, reached, sent);
    sent.push(...reached.looked);
    rest = moved(call, rest, reached);
  }
  const { thread } = call;
  return {
    qemu,
    sent: [...sent, { type: 'dma-done', from: 'qemu-spapr', to: 'environment', thread, pieces: rest.pieces }],
  };
}

/** The entry is asked for; what is left of the transfer waits for it. */
function waits(
  qemu: QemuState,
  call: DeviceDma,
  rest: Rest,
  table: EnabledTable,
  sent: readonly QemuSent[],
): Outcome {
  const { liobn } = table;
  const offset = rest.address - table.region.start;
  const load: ViewLoad = {
    type: 'view_load',
    from: 'qemu-spapr',
    to: 'kvm',
    thread: call.thread,
    liobn,
    index: indexOf(table, offset) ?? unreachable('an entry is asked for that the window does not have'),
  };
  const dmas = [...qemu.dmas, { call, liobn, offset, ...rest }];
  dmas.sort((a, b) => (a.call.thread < b.call.thread ? -1 : 1));
  return { qemu: { ...qemu, dmas }, sent: [...sent, load] };
}

/**
 * An emulated device reads or writes guest memory through its window, page by page, each page by its own
 * entry. What may not be read comes back as zeros; what may not be written is dropped; nobody is told. It does so
 * without the big lock: where a view is KVM's, whoever holds the lock may change the window before the entry comes.
 * @see [QEMU] softmmu/physmem.c: address_space_rw; hw/ppc/spapr_iommu.c: spapr_tce_translate_iommu
 */
export const deviceDma = (qemu: QemuState, call: DeviceDma): Outcome =>
  goOn(qemu, call, { address: call.ioba, left: BigInt(call.bytes), pieces: [] }, []);

/** Does a transfer wait for this answer? */
export const isOfDma = ({ dmas }: QemuState, thread: ThreadId): boolean =>
  dmas.some(({ call }) => call.thread === thread);

/**
 * A transfer goes on with the entry that it asked for. A view that is gone meanwhile reads as 0.
 *
 * Abstraction: QEMU's own memory behind the mapping may by then be another's (B-04).
 */
export function dmaGoesOn(qemu: QemuState, { thread, tce }: ViewReturn): Outcome {
  const dma = qemu.dmas.find(({ call }) => call.thread === thread);
  if (dma === undefined) return unreachable(`no transfer of ${thread} waits`);
  const { call, liobn, offset } = dma;
  const without = { ...qemu, dmas: qemu.dmas.filter((other) => other !== dma) };
  const table = tableOf(qemu, BigInt(liobn));
  if (table?.mode !== 'enabled') return goOn(without, call, dma, []);
  const room = min(dma.left, table.region.start + table.region.bytes - dma.address);
  const found = translatedBy(table, tce ?? 0n);
  const reached = reachPage(without, call, dma.left, { liobn, offset, room, found });
  return goOn(without, call, moved(call, dma, reached), reached.looked);
}
