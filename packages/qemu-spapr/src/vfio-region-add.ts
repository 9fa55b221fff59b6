import { bytes, ioba, iommuPageShift, type Liobn, levelCount, unreachable } from '@spapr-dma/protocol';
import type { AttachGroupFrame, RegionAddFrame } from './frames-vfio.js';
import type { QemuSent } from './sent.js';
import { type QemuState, tableOf } from './state.js';
import {
  abort,
  call,
  callOrGo,
  kvmCall,
  kvmResult,
  type Resumption,
  ret,
  returned,
  type Step,
  vfioCall,
  vfioResult,
} from './steps.js';
import { hex, plainHex, strerror } from './vfio-errors.js';
import { isUnbound } from './vfio-lazy-bind.js';
import { flagsChanged, neededInQemu } from './vfio-need.js';
import { isWindow, lastOf } from './vfio-sections.js';
import { errorReport, vfioTraced } from './vfio-sent.js';
import { containerOf, groupOf, type VfioContainer, type WindowSection, withContainer } from './vfio-state.js';
import { hostWindowShapeOf } from './window-levels.js';

/**
 * What QEMU prints where the host refuses a window: printing the first message overwrites the error, so that the
 * text is always this one.
 */
const AFTER_PRINTING = strerror('ENOENT');
const CREATE_FAILED = `Failed to create SPAPR window: ${AFTER_PRINTING}`;
const MISPLACED = `Failed to create SPAPR window: ${strerror('EINVAL')}`;

const containerOfFrame = ({ vfio }: QemuState, { containerFd }: RegionAddFrame): VfioContainer =>
  containerOf(vfio, containerFd) ?? unreachable('a listener of no container');

const windowOf = ({ section }: RegionAddFrame): WindowSection =>
  isWindow(section) ? section : unreachable('a section that no container listens to');

const overlaps = (section: WindowSection, { min, max }: { min: bigint; max: bigint }): boolean =>
  section.start <= max && min <= lastOf(section);

/**
 * A container hears of a window of the guest. The container of a v2 host makes a hardware window of the same place
 * and size, ties it to KVM's view for each of its groups, and listens; that of a v1 host only looks whether its one
 * window holds this one. What the window already holds is then replayed.
 *
 * Returns null, or QEMU's message where the switch createFailure spares QEMU's life. Until the container is
 * initialized an error is stored in it, afterwards it ends QEMU (B-59).
 * @see [QEMU] hw/vfio/common.c: vfio_listener_region_add; hw/vfio/spapr.c: vfio_spapr_create_window
 */
export function vfioListenerRegionAdd(qemu: QemuState, frame: RegionAddFrame, resumed: Resumption): Step {
  switch (frame.at) {
    case 'begin':
      return beginAdd(qemu, frame);
    case 'creatingWindow':
      return createdOrTryMoreLevels(qemu, frame, resumed);
    case 'removingMisplacedWindow':
      return misplaced(qemu, frame, resumed);
    case 'attachingGroup':
      return attached(qemu, frame, resumed);
    case 'needSet':
      return replay(qemu, frame);
    case 'replaying':
      return ret(qemu);
    default:
      return unreachable(`vfio_listener_region_add at ${frame.at satisfies never}`);
  }
}

function beginAdd(qemu: QemuState, frame: RegionAddFrame): Step {
  const { section } = frame;
  const range = { start: section.start, end: lastOf(section) };
  if (!isWindow(section)) {
    return ret(qemu, null, [vfioTraced({ event: 'vfio_listener_region_add_skip', ...range })]);
  }
  const container = containerOfFrame(qemu, frame);
  if (container.iommuType === 'v1') return listen(qemu, frame);
  const taken = container.hostwins.find((window) => overlaps(section, window));
  if (taken !== undefined) {
    const ours = `[${hex(range.start)},${hex(range.end)}]`;
    const theirs = `[${hex(taken.min)},${hex(taken.max)}]`;
    return fails(qemu, frame, `region ${ours} overlaps with existinghost DMA window ${theirs}`);
  }
  const shape = hostWindowShapeOf(section.of.pageShift, bytes(section.bytes), container.pgsizes, qemu.config);
  if (shape === null) {
    const pages = hex(1n << BigInt(section.of.pageShift & 63));
    const why = `Host doesn't support page size ${pages}, the supported mask is ${hex(container.pgsizes)}`;
    return fails(qemu, frame, MISPLACED, [errorReport(why)]);
  }
  return tryCreate(qemu, { ...frame, ...shape, startAddr: 0n });
}

/** Asks for the window with the next number of levels; with none left to ask for, the last answer counts. */
function tryCreate(qemu: QemuState, frame: RegionAddFrame): Step {
  const { levels, levelsMax, pageShift, containerFd } = frame;
  // No number of levels is allowed: nothing was asked, nothing failed, and the answer's start is 0.
  if (levels > levelsMax) return placed(qemu, frame);
  return vfioCall(
    qemu,
    { ...frame, at: 'creatingWindow' },
    {
      type: 'VFIO_IOMMU_SPAPR_TCE_CREATE',
      containerFd,
      argsz: null,
      readable: true,
      pageShift: iommuPageShift(pageShift),
      windowSize: bytes(frame.section.bytes),
      levels: levelCount(levels),
      flags: 0,
    },
  );
}

function createdOrTryMoreLevels(qemu: QemuState, frame: RegionAddFrame, resumed: Resumption): Step {
  const result = vfioResult(resumed);
  if (result.ok && result.value === 0) return placed(qemu, { ...frame, startAddr: result.startAddr ?? 0n });
  if (frame.levels < frame.levelsMax) return tryCreate(qemu, { ...frame, levels: frame.levels + 1 });
  const ret = result.ok ? result.value : -1;
  return fails(qemu, frame, CREATE_FAILED, [
    errorReport(`Failed to create a window, ret = ${ret} (${AFTER_PRINTING})`),
  ]);
}

/** The host has chosen the window's place: only the guest's will do. */
function placed(qemu: QemuState, frame: RegionAddFrame): Step {
  const { section, startAddr, containerFd, levels, pageShift } = frame;
  if (startAddr !== section.start) {
    return vfioCall(qemu, { ...frame, at: 'removingMisplacedWindow' }, removeRequest(containerFd, startAddr));
  }
  const container = containerOfFrame(qemu, frame);
  const hostwin = { min: section.start, max: lastOf(section), pgsizes: 1n << BigInt(pageShift) };
  const vfio = withContainer(qemu.vfio, { ...container, hostwins: [hostwin, ...container.hostwins] });
  const line = vfioTraced({
    event: 'vfio_spapr_create_window',
    pageShift,
    levels,
    windowSize: section.bytes,
    offset: startAddr,
  });
  // KVM says that it can tie a group to a view; whether this view is KVM's at all, nobody looks.
  const asksKvm = qemu.config.kvm?.spaprTceVfio === true && !waitsForPut(qemu, windowOf(frame).of.liobn);
  return attachNext({ ...qemu, vfio }, { ...frame, groups: asksKvm ? container.groups : [] }, [line]);
}

/** A view that is not bound to KVM yet has no groups to be tied to it. */
const waitsForPut = (qemu: QemuState, liobn: Liobn): boolean => {
  const table = tableOf(qemu, BigInt(liobn));
  return table?.mode === 'enabled' && isUnbound(qemu, table);
};

export const removeRequest = (containerFd: number, startAddr: bigint) =>
  ({
    type: 'VFIO_IOMMU_SPAPR_TCE_REMOVE',
    containerFd,
    argsz: null,
    readable: true,
    startAddr: ioba(startAddr),
    flags: 0,
  }) as const;

/** What QEMU says of a window that was removed, or was not. */
export function removed(resumed: Resumption, offset: bigint): readonly QemuSent[] {
  const result = vfioResult(resumed);
  if (!result.ok) return [errorReport(`Failed to remove window at ${plainHex(offset)}`)];
  return [vfioTraced({ event: 'vfio_spapr_remove_window', offset })];
}

function misplaced(qemu: QemuState, frame: RegionAddFrame, resumed: Resumption): Step {
  const [wanted, given] = [plainHex(frame.section.start), plainHex(frame.startAddr)];
  return fails(qemu, frame, MISPLACED, [
    ...removed(resumed, frame.startAddr),
    errorReport(`Host doesn't support DMA window at ${wanted}, must be ${given}`),
  ]);
}

/** Ties the next group to KVM's view; after the last one the container listens. */
function attachNext(qemu: QemuState, frame: RegionAddFrame, sent: readonly QemuSent[] = []): Step {
  const [group] = frame.groups;
  if (group === undefined) return listen(qemu, frame, sent);
  return call(
    qemu,
    { ...frame, at: 'attachingGroup' },
    { fn: 'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE', at: 'begin', group, liobn: windowOf(frame).of.liobn },
    sent,
  );
}

/**
 * A group was tied to KVM's view, or not: then qemu-7.2 says so and goes away without listening (B-19), later ones
 * take it for an error, and the repaired one takes the view out of KVM.
 */
function attached(qemu: QemuState, frame: RegionAddFrame, resumed: Resumption): Step {
  const error = String(returned(resumed));
  if (error === '') return attachNext(qemu, { ...frame, groups: frame.groups.slice(1) });
  switch (qemu.config.switches.attachFailure) {
    case 'silent':
      return ret(qemu, null, [errorReport(error)]);
    case 'fatal':
      return fails(qemu, frame, error);
    default:
      return listen(qemu, frame, [errorReport(error)], 'in QEMU');
  }
}

/** Looks for the host window that holds this one, then listens: the first who does may move the view to QEMU. */
function listen(
  qemu: QemuState,
  frame: RegionAddFrame,
  sent: readonly QemuSent[] = [],
  view: 'where it is' | 'in QEMU' = 'where it is',
): Step {
  const section = windowOf(frame);
  const [start, end] = [section.start, lastOf(section)];
  if (!containerOfFrame(qemu, frame).hostwins.some(({ min, max }) => min <= start && end <= max)) {
    return fails(qemu, frame, `Container can't map guest IOVA region ${hex(start)}..${hex(end)}`, sent);
  }
  const line = vfioTraced({ event: 'vfio_listener_region_add_iommu', start, end });
  const { liobn } = section.of;
  const change =
    view === 'in QEMU' || waitsForPut(qemu, liobn) ? neededInQemu(liobn) : flagsChanged(qemu, liobn, true);
  return callOrGo(qemu, { ...frame, at: 'needSet' }, change, [...sent, line]);
}

/** The container is told from now on what is written, and then what was written before. */
function replay(qemu: QemuState, frame: RegionAddFrame): Step {
  const { of, start, bytes: size } = windowOf(frame);
  const container = containerOfFrame(qemu, frame);
  const giommu = { liobn: of.liobn, first: of.first, last: of.first + size - 1n, offset: start - of.first };
  const vfio = withContainer(qemu.vfio, { ...container, giommus: [giommu, ...container.giommus] });
  return call(
    { ...qemu, vfio },
    { ...frame, at: 'replaying' },
    {
      fn: 'spapr_tce_replay',
      at: 'begin',
      containerFd: frame.containerFd,
      liobn: of.liobn,
      offset: 0,
      runs: [],
    },
  );
}

/**
 * A window cannot be had: stored in a container that is being connected, told to the guest where createFailure is
 * mended, else QEMU's end.
 */
function fails(qemu: QemuState, frame: RegionAddFrame, why: string, sent: readonly QemuSent[] = []): Step {
  const container = containerOfFrame(qemu, frame);
  if (!container.initialized) {
    const name = `tce-iommu-${windowOf(frame).of.liobn.toString(16)}`;
    const error = container.error ?? `Region ${name}: ${why}`;
    return ret({ ...qemu, vfio: withContainer(qemu.vfio, { ...container, error }) }, null, sent);
  }
  const told = [...sent, errorReport(why)];
  return qemu.config.switches.createFailure === 'rtasError'
    ? ret(qemu, why, told)
    : abort(qemu, 'hardware error: vfio: DMA mapping failed, unable to continue', told);
}

/**
 * Ties one group to the view of a window in KVM. Whether the view has a descriptor, QEMU does not look.
 * @see [QEMU] hw/vfio/common.c: vfio_listener_region_add
 */
export function kvmDevVfioGroupSetSpaprTce(
  qemu: QemuState,
  frame: AttachGroupFrame,
  resumed: Resumption,
): Step {
  const group = groupOf(qemu.vfio, frame.group) ?? unreachable('an unknown group is tied to a view');
  const table = tableOf(qemu, BigInt(frame.liobn));
  const tableFd = table?.mode === 'enabled' ? table.fd : -1;
  const groupFd = group.fd;
  if (frame.at === 'begin') {
    return kvmCall(
      qemu,
      { ...frame, at: 'settingSpaprTce' },
      { type: 'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE', groupFd, tableFd },
    );
  }
  const result = kvmResult(resumed);
  if (result.ok) return ret(qemu, '', [vfioTraced({ event: 'vfio_spapr_group_attach', groupFd, tableFd })]);
  const why = strerror(result.errno);
  return ret(qemu, `vfio: failed to setup fd ${tableFd} for a group with fd ${groupFd}: ${why}`);
}
