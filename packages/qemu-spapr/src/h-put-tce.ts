import {
  type HcallCode,
  type HPutTce,
  hcallNumber,
  type TceIndex,
  tce as tceValue,
} from '@spapr-dma/protocol';
import { withTce } from '@spapr-dma/tce-table';
import type { HPutTceFrame } from './frames-qemu.js';
import { notifiesOf } from './notify.js';
import { putStatus, putTceFrame } from './put-tce.js';
import { hcallReturn, type Outcome, type QemuSent, traced } from './sent.js';
import { type EnabledTable, type QemuState, tableOf, withTable } from './state.js';
import { call as callFunction, type Resumption, ret, type Step } from './steps.js';
import { pageMaskOf, pageShiftOf, tceIndexAt } from './tce-index.js';
import { noteOwnPut } from './vfio-hooks.js';

/** The entry that a call means, where there is one. */
interface Found {
  readonly table: EnabledTable;
  readonly index: TceIndex;
}

/** The page's address as the call's line tells it, and the entry. */
function find(
  qemu: QemuState,
  { liobn, ioba }: HPutTce,
): { readonly ioba: bigint; readonly found: Found | null } {
  const table = tableOf(qemu, liobn);
  if (table === undefined) return { ioba, found: null };
  const page = ioba & pageMaskOf(pageShiftOf(table));
  const index = table.mode === 'enabled' ? tceIndexAt(table, page) : undefined;
  if (table.mode !== 'enabled' || index === undefined) return { ioba: page, found: null };
  return { ioba: page, found: { table, index } };
}

/** The call's line, and its answer. */
const answer = (call: HPutTce, ioba: bigint, status: HcallCode): readonly QemuSent[] => [
  traced({ event: 'spapr_iommu_put', liobn: call.liobn, ioba, tce: call.tce, ret: hcallNumber(status) }),
  hcallReturn(call, status),
];

/**
 * H_PUT_TCE in QEMU: the address is rounded down to its page, the value is stored unread.
 * @see [QEMU] hw/ppc/spapr_iommu.c: h_put_tce
 */
export function hPutTce(qemu: QemuState, call: HPutTce): Outcome {
  const { ioba, found } = find(qemu, call);
  if (found === null) return { qemu, sent: answer(call, ioba, 'H_PARAMETER') };
  const { table, index } = found;
  return {
    qemu: noteOwnPut(
      withTable(qemu, { ...table, view: withTce(table.view, index, tceValue(call.tce)) }),
      table.liobn,
      call.tce,
    ),
    sent: [...notifiesOf(table, index, [call.tce]), ...answer(call, ioba, 'H_SUCCESS')],
  };
}

/** The same where the view is KVM's, or VFIO listens. */
export function hPutTceLong(qemu: QemuState, frame: HPutTceFrame, resumed: Resumption): Step {
  const { ioba, found } = find(qemu, frame.call);
  if (found === null) return ret(qemu, null, answer(frame.call, ioba, 'H_PARAMETER'));
  if (frame.at === 'put') return ret(qemu, null, answer(frame.call, ioba, putStatus(resumed)));
  return callFunction(qemu, { ...frame, at: 'put' }, putTceFrame(found.table, found.index, frame.call.tce));
}
