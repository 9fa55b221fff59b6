import type { TraceEvent } from '@spapr-dma/protocol';
import { tableOf } from '@spapr-dma/qemu-spapr';
import { type Branch, qemuOf, stepBranch } from './branch.js';
import { getOf, indirectOf, putOf, queryOf, removeOf, stuffOf } from './call-messages.js';
import { lineText } from './same-line.js';

const NOTHING = 'no line: QEMU refuses this call before it logs anything';

/** What the machine would have logged in place of a line, in words. */
export function expectedLine(branch: Branch, seen: TraceEvent): string {
  const [owed] = branch.owed;
  if (owed !== undefined) return `${lineText(owed)} (the rest of the step before)`;
  if (branch.snapshot.value === 'aborted') return 'no further line: QEMU has aborted';
  if (branch.snapshot.value === 'realized' && branch.fresh === null) {
    return 'the windows of a machine reset first: no new_table line of a PHB has been seen';
  }
  if (branch.fresh !== null) {
    return `a line that tells what made the table of LIOBN 0x${branch.fresh.liobn.toString(16)} at line ${branch.fresh.line}`;
  }
  if (branch.resetting !== null && branch.resetting.awaited.size > 0) {
    const [index] = branch.resetting.awaited;
    return `the new table of PHB ${index}: a machine reset makes one for every PHB`;
  }
  return `${logged(branch, seen) ?? NOTHING}; ${windowText(branch, seen)}`;
}

function logged(branch: Branch, seen: TraceEvent): string | null {
  const message = messageOf(branch, seen);
  if (message === null) return 'another step: nothing in the log before leads to this one';
  const [first] = stepBranch(branch, message).logged;
  return first === undefined ? null : lineText(first);
}

function messageOf(branch: Branch, seen: TraceEvent) {
  switch (seen.event) {
    case 'spapr_iommu_put':
      return putOf(seen);
    case 'spapr_iommu_get':
      return getOf(seen);
    case 'spapr_iommu_stuff':
      return stuffOf(qemuOf(branch), seen);
    case 'spapr_iommu_indirect':
      return indirectOf(qemuOf(branch), seen).message;
    case 'spapr_iommu_ddw_query':
      return queryOf(seen);
    case 'spapr_iommu_ddw_remove':
      return removeOf(seen);
    default:
      return null;
  }
}

/** The window that a line speaks of. */
function windowText(branch: Branch, seen: TraceEvent): string {
  if (!('liobn' in seen)) return 'see the windows below';
  const table = tableOf(qemuOf(branch), seen.liobn);
  const name = `LIOBN 0x${seen.liobn.toString(16)}`;
  if (table === undefined) return `${name} is unknown`;
  if (table.mode !== 'enabled') return `${name} has no window`;
  const { busOffset, nbTable, pageShift } = table;
  return `${name} is a window of 0x${nbTable.toString(16)} pages of 2^${pageShift} bytes at 0x${busOffset.toString(16)}`;
}
