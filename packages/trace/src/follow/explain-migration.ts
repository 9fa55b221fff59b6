import { type MigratedTable, type TraceEvent, tceCount } from '@spapr-dma/protocol';
import { type SpaprTceTable, tableOf } from '@spapr-dma/qemu-spapr';
import { defaultTableOf, withDefaultPlace } from './assume.js';
import { type Branch, type BranchStep, qemuOf, stepBranch } from './branch.js';
import { placesOf } from './default-window.js';
import { allUnknown } from './doubts.js';
import { withDoubts } from './explain-call.js';
import type { Facts } from './facts.js';

type Line<Event extends TraceEvent['event']> = Extract<TraceEvent, { readonly event: Event }>;

const shown = (table: SpaprTceTable) => ({
  nb: table.mode === 'enabled' ? table.nbTable : 0,
  busOffset: table.mode === 'disabled' ? 0n : table.busOffset,
  ps: table.mode === 'disabled' ? 0 : table.pageShift,
});

/** Puts a default window, as far as no line has told its place, where this line says. */
function placedBy(
  branch: Branch,
  liobn: bigint,
  shown: { readonly start?: bigint; readonly nb: number },
  facts: Facts,
): Branch {
  const table = tableOf(qemuOf(branch), liobn);
  if (table?.owner.kind !== 'phb') return branch;
  const { index } = table.owner;
  const known = facts.phbOf(index);
  if (defaultTableOf(qemuOf(branch), index)?.liobn !== table.liobn || known.window.pinned !== null)
    return branch;
  const size = BigInt(shown.nb) << 12n;
  const evidence = { ...known.window, size, start: shown.start ?? known.window.start };
  const [place] = placesOf(evidence);
  if (place === undefined) return branch;
  known.window = evidence;
  return withDefaultPlace(branch, index, place);
}

/** A table as it is written into a stream: it must be as the branch has it. */
export function explainPreSave(
  branch: Branch,
  line: Line<'spapr_iommu_pre_save'>,
  facts: Facts,
): Branch | null {
  const placed =
    line.ps === 12 ? placedBy(branch, line.liobn, { start: line.busOffset, nb: line.nb }, facts) : branch;
  const table = tableOf(qemuOf(placed), line.liobn);
  if (table === undefined) return null;
  const { nb, busOffset, ps } = shown(table);
  if (table.mode === 'stuck') return line.nb === 0 && line.busOffset === busOffset ? placed : null;
  const sameShift = (ps & 63) === (line.ps & 63);
  return nb === line.nb && busOffset === line.busOffset && sameShift ? placed : null;
}

/**
 * A table as it comes out of a stream, with what QEMU would log. Its entries are not in the log: all of
 * them are unknown from here on.
 */
export function postLoadOf(
  branch: Branch,
  line: Line<'spapr_iommu_post_load'>,
  facts: Facts,
): BranchStep | null {
  const before = tableOf(qemuOf(branch), line.liobn);
  if (before === undefined) return null;
  const placed = line.preNb > 0 ? placedBy(branch, line.liobn, { nb: line.preNb }, facts) : branch;
  const loaded: MigratedTable = {
    liobn: before.liobn,
    nbTable: tceCount(line.postNb),
    busOffset: line.busOffset,
    pageShift: line.ps,
    bypass: before.bypass,
    defWin: before.defWin,
    runs: [],
  };
  const stepped = stepBranch(placed, {
    type: 'migrate-incoming',
    from: 'environment',
    to: 'qemu-spapr',
    stream: { version: 3, phbs: [], drcs: [], tables: [loaded] },
  });
  const after = tableOf(qemuOf(stepped.branch), line.liobn);
  if (after?.mode !== 'enabled') return stepped;
  const guesses = { ...branch.guesses, defWin: new Set(branch.guesses.defWin).add(after.liobn) };
  const unknown = withDoubts(stepped.branch, after.liobn, allUnknown(after.nbTable));
  return { branch: { ...unknown, guesses }, logged: stepped.logged };
}
