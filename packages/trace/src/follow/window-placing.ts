import { bytes, ioba } from '@spapr-dma/protocol';
import { type EnabledTable, endOf, tableOf } from '@spapr-dma/qemu-spapr';
import { defaultTableOf, withDefaultPlace } from './assume.js';
import { type Branch, qemuOf } from './branch.js';
import { allows, placesOf, type WindowPlace, withReach } from './default-window.js';
import type { CallLine } from './explain-call.js';
import { type Explained, explainLine, type LogLine } from './explain-control.js';
import type { Facts } from './facts.js';
import { isPciLiobn, slotOfLiobn } from './liobn.js';
import { defaultWindowOf, reachOf } from './window-reach.js';

const PAGE = 0x1000n;

/** Does a call say nothing new of a default window's place? Written for the calls of a usual log. */
function isPlaced(call: CallLine, facts: Facts): boolean {
  if (call.ret !== 0) return false;
  if (!isPciLiobn(call.liobn) || (call.liobn & 0xffn) !== 0n) return true;
  const { pinned, reached } = facts.phbOf(slotOfLiobn(call.liobn).index).window;
  if (pinned !== null) return true;
  if (reached === null || call.ioba > reached.high) return false;
  const low = call.event === 'spapr_iommu_stuff' ? call.ioba - call.npages * PAGE : call.ioba;
  const pages = call.event === 'spapr_iommu_indirect' ? BigInt(call.iobaN + 1) : 1n;
  const high = call.event === 'spapr_iommu_stuff' ? call.ioba : call.ioba + pages * PAGE;
  return low >= reached.low && high <= reached.high;
}

/**
 * Takes in what a call says of the place of a default window that no line has named.
 * @returns where that contradicts the place that was taken for granted: the branches that have it elsewhere
 * and explain the call, with the window there; else null
 */
export function placedElsewhere(
  branches: readonly Branch[],
  call: CallLine,
  log: LogLine,
  facts: Facts,
): { readonly explained: readonly Explained[]; readonly window: EnabledTable | undefined } | null {
  if (isPlaced(call, facts)) return null;
  const table = defaultWindowOf(branches[0] as Branch, call);
  if (table?.owner.kind !== 'phb') return null;
  const { index } = table.owner;
  const known = facts.phbOf(index);
  if (known.window.pinned !== null) return null;
  const here: WindowPlace = { start: ioba(table.busOffset), bytes: bytes(table.region.bytes) };
  const possible = reachOf(call).map((reach) => withReach(known.window, reach));
  const agreeing = possible.find((evidence) => evidence === known.window || allows(evidence, here));
  if (agreeing !== undefined || possible.length === 0) {
    known.window = agreeing ?? known.window;
    return null;
  }
  for (const evidence of possible) {
    for (const place of placesOf(evidence)) {
      const moved = branches.map((branch) => withDefaultPlace(branch, index, place));
      const explained = moved.flatMap((branch) => explainLine(branch, log, facts));
      if (explained.length === 0) continue;
      known.window = evidence;
      return { explained, window: defaultTableOf(qemuOf(moved[0] as Branch), index) };
    }
  }
  return null;
}

/**
 * A kernel has cleared [start, end) of a table, from its first entry on as kernels do.
 * @returns the branches with their default window there, or null where it lies there already or cannot
 */
export function sweptPlace(
  branches: readonly Branch[],
  liobn: number,
  start: bigint,
  end: bigint,
  facts: Facts,
): { readonly branches: readonly Branch[]; readonly window: EnabledTable | undefined } | null {
  const likeliest = branches[0] as Branch;
  const table = tableOf(qemuOf(likeliest), BigInt(liobn));
  if (table?.owner.kind !== 'phb' || table.mode !== 'enabled') return null;
  const { index } = table.owner;
  const size = end - start;
  const known = facts.phbOf(index);
  const isWhole = start === table.busOffset && end === endOf(table);
  if (known.window.pinned !== null || isWhole || (size & (size - 1n)) !== 0n) return null;
  if (defaultTableOf(qemuOf(likeliest), index) === undefined) return null;
  known.window = { ...known.window, swept: { start: ioba(start), bytes: bytes(size) } };
  const [place] = placesOf(known.window);
  if (place === undefined || place.start !== start || place.bytes !== size) return null;
  const moved = branches.map((branch) => withDefaultPlace(branch, index, place));
  return { branches: moved, window: defaultTableOf(qemuOf(moved[0] as Branch), index) };
}
