import { type TableGroupFacts, unreachable } from '@spapr-dma/protocol';
import { isError, type Rc } from './answers.js';
import type { AttachGroupFrame } from './frames.js';
import type { GroupFacts, TceContainer } from './objects.js';
import { ran } from './said.js';
import { tceOf, type VfioHost, withTce } from './state.js';
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
import { createWindowFrame, defaultWindowRequest } from './tce-create-window.js';

/**
 * Whether a group may join, in the order of the kernel's checks: ENODEV for a group that is no PE, EINVAL for v2
 * on a platform without dynamic windows, EBUSY for a second group in v1 and for one that is in already, EPERM
 * for one of another kind, and, from linux-4.10 to linux-6.3, for v1 on a platform whose groups change hands: the
 * default window that is made later there is made for v2 only. That linux-4.2 lets v1 in is remembered, not executed.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_attach_group
 */
export function attachGroupStatus(host: VfioHost, tce: TceContainer, facts: TableGroupFacts | null): Rc {
  if (facts === null) return 'ENODEV';
  if (tce.version === 'v2' && facts.maxDynamicWindows === 0) return 'EINVAL';
  if (tce.version === 'v1' && tce.groups.length > 0) return 'EBUSY';
  for (const { group, ops } of tce.groups) {
    if (group === facts.group) return 'EBUSY';
    if (ops !== facts.ops) return 'EPERM';
  }
  const { defaultWindow, ownership } = host.config.features;
  const keepsV1Out = defaultWindow === 'postponed' && ownership === 'attach';
  return tce.version === 'v1' && keepsV1Out ? 'EPERM' : 0;
}

/** What of a table group does not change. */
const staticFacts = ({ tables: _, claimed: __, ...facts }: TableGroupFacts): GroupFacts => facts;
const factsOf = ({ facts }: AttachGroupFrame): GroupFacts => facts ?? unreachable('a group without facts');

/** The group has what the container has, or has been given up; the first group brings the default window. */
function done(host: VfioHost, frame: AttachGroupFrame, rc: Rc): Step {
  const { container } = frame;
  const tce = tceOf(host, container);
  if (tce === undefined) return ret(host, rc);
  const owed = tce.groups.length === 0 && tce.windows[0] === null;
  const pending = owed && host.config.features.defaultWindow === 'postponed';
  const groups = isError(rc) ? tce.groups : [factsOf(frame), ...tce.groups];
  return ret(withTce(host, container, { groups, ...(pending ? { defaultWindow: 'pending' } : {}) }), rc);
}

/** The next window is programmed into the group. */
function setWindow(host: VfioHost, frame: AttachGroupFrame): Step {
  const tce = tceOf(host, frame.container);
  const left = host.config.switches.setWindowOnExtraGroup === 'fixed' ? (tce?.windows ?? []) : [];
  for (let num = frame.num; num < left.length; num += 1) {
    const window = left[num];
    if (window === null || window === undefined) continue;
    const request = { group: frame.group, num: num as 0 | 1, table: window.facts.table } as const;
    return askGroup(
      host,
      { ...frame, at: 'settingWindow', num: num as 0 | 1 },
      { type: 'set_window', ...request },
    );
  }
  return done(host, frame, 0);
}

/** Both windows are taken from a group that could not get all, and the group is given back. */
function unsetWindow(host: VfioHost, frame: AttachGroupFrame): Step {
  const { num, group } = frame;
  if (num < 2) {
    const request = { type: 'unset_window', group, num: num as 0 | 1 } as const;
    return askGroup(host, { ...frame, at: 'unsettingWindow' }, request);
  }
  if (host.config.features.ownership === 'claim') return done(host, frame, frame.rc);
  return askGroup(host, { ...frame, at: 'releasingOwnership' }, { type: 'release_ownership', group });
}

/** Where kernels make it at once, the first group brings the default window. */
function owned(host: VfioHost, frame: AttachGroupFrame): Step {
  const { container, mm } = frame;
  const tce = tceOf(host, container);
  const first = tce !== undefined && tce.groups.length === 0 && tce.windows[0] === null;
  if (!first || host.config.features.defaultWindow === 'postponed') return setWindow(host, frame);
  const facts = factsOf(frame);
  return call(
    host,
    { ...frame, at: 'creatingDefaultWindow' },
    createWindowFrame(container, mm, defaultWindowRequest(facts), [facts]),
  );
}

/**
 * Attaches a group to the driver's part of a container, and programs the windows that there are into it. After an
 * error the group has none of them.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_attach_group, tce_iommu_take_ownership
 */
export const tceIommuAttachGroup: StepFunction<AttachGroupFrame> = (host, frame, resumed) => {
  const { container, group } = frame;
  switch (frame.at) {
    case 'entered': {
      const read = { type: 'table_group_read', group } as const;
      return askGroup(host, { ...frame, at: 'readingGroup' }, read, [
        ran('tce_iommu_attach_group', { container, group }),
      ]);
    }
    case 'readingGroup': {
      const reply = groupReply(resumed);
      const tce = tceOf(host, container) ?? unreachable('a container without its driver');
      const facts = reply.ok ? reply.facts : null;
      const rc = attachGroupStatus(host, tce, facts);
      if (isError(rc) || facts === null) return ret(host, rc);
      const read = { ...frame, facts: staticFacts(facts) };
      if (host.config.features.ownership === 'claim') return owned(host, read);
      return askGroup(host, { ...read, at: 'takingOwnership' }, { type: 'take_ownership', group });
    }
    case 'takingOwnership': {
      const rc = groupRc(resumed);
      return isError(rc) ? ret(host, rc) : owned(host, frame);
    }
    case 'creatingDefaultWindow': {
      if (returnedError(resumed)) return unsetWindow(host, { ...frame, num: 2, rc: returned(resumed).rc });
      return done(withTce(host, container, { defaultWindow: 'created' }), frame, 0);
    }
    case 'settingWindow': {
      const rc = groupRc(resumed);
      if (isError(rc)) return unsetWindow(host, { ...frame, num: 0, rc });
      return setWindow(host, { ...frame, num: (frame.num + 1) as 1 | 2 });
    }
    case 'unsettingWindow':
      return unsetWindow(host, { ...frame, num: (frame.num + 1) as 1 | 2 });
    case 'releasingOwnership':
      return done(host, frame, frame.rc);
  }
};
