import {
  type GroupId,
  type IommuPageShift,
  type IommuTableFacts,
  iommuPageShift,
  levelCount,
  unreachable,
} from '@spapr-dma/protocol';
import { accountLockedVm } from './account-locked-vm.js';
import { type Answer, isError, type Rc, rcOf } from './answers.js';
import type { CreateWindowFrame, DefaultWindowFrame, WindowRequest } from './frames.js';
import type { ContainerId, ContainerWindow, GroupFacts, MmId, TceContainer } from './objects.js';
import { ran, type Said } from './said.js';
import { tceOf, type VfioHost, windowStart, withTce } from './state.js';
import {
  askGroup,
  call,
  groupRc,
  groupReply,
  ret,
  returned,
  returnedError,
  type Step,
  type StepFunction,
} from './steps.js';
import { refundWindow } from './tce-free-table.js';

/** A window in a slot of a container, or an empty slot. */
export function withWindow(
  host: VfioHost,
  container: ContainerId,
  num: 0 | 1,
  window: ContainerWindow | null,
): VfioHost {
  const tce = tceOf(host, container);
  if (tce === undefined) return host;
  const [first, second] = tce.windows;
  return withTce(host, container, { windows: num === 0 ? [window, second] : [first, window] });
}

/** The slot that a new window gets: the first that is empty. */
function freeSlot({ windows }: TceContainer): 0 | 1 | null {
  if (windows[0] === null) return 0;
  return windows[1] === null ? 1 : null;
}

/** A frame that makes a window for these groups; those of the container, where it is not attaching one. */
export const createWindowFrame = (
  container: ContainerId,
  mm: MmId | null,
  request: WindowRequest,
  groups: readonly GroupFacts[],
): CreateWindowFrame => ({
  fn: 'tce_iommu_create_window',
  at: 'entered',
  container,
  mm,
  request,
  groups,
  next: 0,
  num: 0,
  chargedPages: 0,
  facts: null,
  rc: 0,
});

/** The default window: 32-bit addresses in 4K pages, one level. */
export const defaultWindowRequest = ({ dma32Size }: GroupFacts): WindowRequest => ({
  pageShift: iommuPageShift(12),
  windowSize: dma32Size,
  levels: levelCount(1),
});

const factsOf = ({ facts }: CreateWindowFrame): IommuTableFacts =>
  facts ?? unreachable('a window without its table');
const groupAt = ({ groups, next }: CreateWindowFrame): GroupId =>
  groups[next]?.group ?? unreachable('no group');
/** Whether a group can have pages of that size; a shift beyond the register wraps. */
const hasPageSize = ({ pgsizes }: GroupFacts, shift: IommuPageShift): boolean =>
  ((pgsizes >> BigInt(shift & 63)) & 1n) === 1n;

/** The table is programmed into the next group; behind the last one the window is there. */
function setWindow(host: VfioHost, frame: CreateWindowFrame): Step {
  const { container, num, groups, next, chargedPages } = frame;
  const facts = factsOf(frame);
  if (next < groups.length) {
    const request = { type: 'set_window', group: groupAt(frame), num, table: facts.table } as const;
    return askGroup(host, { ...frame, at: 'settingWindow' }, request);
  }
  const done: Answer = { rc: 0, startAddr: windowStart(facts), info: null };
  return ret(withWindow(host, container, num, { facts, chargedPages }), done);
}

/** The window is taken from every group, also from those that never had it, and the table is freed. */
function unsetWindow(host: VfioHost, frame: CreateWindowFrame): Step {
  const { num, groups, next } = frame;
  if (next < groups.length) {
    const request = { type: 'unset_window', group: groupAt(frame), num } as const;
    return askGroup(host, { ...frame, at: 'unsettingWindow' }, request);
  }
  const request = { type: 'iommu_tce_table_put', table: factsOf(frame).table } as const;
  return askGroup(host, { ...frame, at: 'freeingTable' }, request);
}

/** The table is charged for as if every entry were in use, and made. */
function createTable(host: VfioHost, frame: CreateWindowFrame, bytes: bigint): Step {
  const { mm, num, request, groups } = frame;
  if (bytes === 0n) return ret(host, 'EINVAL');
  const chargedPages = Number(bytes >> BigInt(host.config.hostPageShift));
  const charged = accountLockedVm(host, mm, chargedPages, true);
  if (isError(charged.rc)) return ret(host, charged.rc, charged.said);
  return askGroup(
    charged.host,
    { ...frame, at: 'creatingTable', chargedPages },
    { type: 'create_table', group: groups[0]!.group, num, ...request },
    charged.said,
  );
}

/** A table that could not be made stays charged, where the kernel forgets to give the charge back (B-21). */
function notCreated(host: VfioHost, frame: CreateWindowFrame, rc: Rc): Step {
  if (host.config.switches.createRefund === 'unfixed') return ret(host, rc);
  const refund = accountLockedVm(host, frame.mm, frame.chargedPages, false);
  return ret(refund.host, rc, refund.said);
}

/**
 * Makes a window of a container: sizes, charges and makes its table, and programs it into every group, the
 * newest first. Answers with where it starts, which the slot alone decides. ENOSPC without a free slot; EINVAL for a page
 * size that the groups do not have and for a shape that no table has; ENOMEM over the limit; the platform's
 * answer where it cannot make the table or firmware refuses a window, which is then taken from all groups.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_create_window, tce_iommu_create_table
 */
export const tceIommuCreateWindow: StepFunction<CreateWindowFrame> = (host, frame, resumed) => {
  switch (frame.at) {
    case 'entered': {
      const said: readonly Said[] = [ran('tce_iommu_create_window')];
      const tce = tceOf(host, frame.container);
      const num = tce === undefined ? null : freeSlot(tce);
      if (num === null) return ret(host, 'ENOSPC', said);
      const [first] = frame.groups;
      if (first === undefined) return ret(host, 'EFAULT', said);
      if (!hasPageSize(first, frame.request.pageShift)) return ret(host, 'EINVAL', said);
      const request = { type: 'get_table_size', group: first.group, ...frame.request } as const;
      return askGroup(host, { ...frame, at: 'sizingTable', num }, request, said);
    }
    case 'sizingTable': {
      const reply = groupReply(resumed);
      return createTable(host, frame, reply.ok ? (reply.bytes ?? 0n) : 0n);
    }
    case 'creatingTable': {
      const reply = groupReply(resumed);
      if (!reply.ok) return notCreated(host, frame, rcOf(reply.code));
      return setWindow(host, { ...frame, facts: reply.table });
    }
    case 'settingWindow': {
      const rc = groupRc(resumed);
      if (isError(rc)) return unsetWindow(host, { ...frame, next: 0, rc });
      return setWindow(host, { ...frame, next: frame.next + 1 });
    }
    case 'unsettingWindow':
      return unsetWindow(host, { ...frame, next: frame.next + 1 });
    case 'freeingTable': {
      const window = { facts: factsOf(frame), chargedPages: frame.chargedPages };
      const refund = refundWindow(host, frame.mm, window);
      return ret(refund.host, frame.rc, refund.said);
    }
  }
};

/**
 * Makes the default window, if a container is owed one and has none yet. The first call that needs a window
 * pays for it.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_create_default_window
 */
export const tceIommuCreateDefaultWindow: StepFunction<DefaultWindowFrame> = (host, frame, resumed) => {
  const { container, mm } = frame;
  if (frame.at === 'creating') {
    const made = returnedError(resumed) ? host : withTce(host, container, { defaultWindow: 'created' });
    return ret(made, returned(resumed).rc);
  }
  const said = [ran('tce_iommu_create_default_window')];
  const tce = tceOf(host, container);
  if (tce?.defaultWindow !== 'pending') return ret(host, 0, said);
  const [first] = tce.groups;
  if (first === undefined) return ret(host, 'ENODEV', said);
  const callee = createWindowFrame(container, mm, defaultWindowRequest(first), tce.groups);
  return call(host, { ...frame, at: 'creating' }, callee, said);
};
