import { type Errno, ioba, unreachable, type VfioSpaprInfo } from '@spapr-dma/protocol';
import { unwindContainer, unwound } from './container-unwind.js';
import type { ConnectContainerFrame } from './frames-vfio.js';
import { topologyFrame } from './listener-topology.js';
import { ramSectionsOf } from './prereg-sections.js';
import type { QemuState } from './state.js';
import { call, callOrGo, type Resumption, ret, returned, type Step, vfioCall, vfioResult } from './steps.js';
import { strerror } from './vfio-errors.js';
import { removed, removeRequest } from './vfio-region-add.js';
import { sectionsOf } from './vfio-sections.js';
import { errorReport } from './vfio-sent.js';
import {
  containerOf,
  containersOfPhb,
  groupOf,
  type VfioContainer,
  withContainer,
  withGroup,
} from './vfio-state.js';

/** IOMMU types by number: of POWER's, v2 is preferred; those of other hosts are asked for first. */
const TYPE1V2 = 3;
const TYPE1 = 1;
const SPAPR_V2 = 7;
const SPAPR_V1 = 2;

/** 4K: the only pages of a v1 container's window. */
const V1_PAGE_SIZES = 0x1000n;

export const connectContainer = (group: number, phb: number): ConnectContainerFrame => ({
  fn: 'vfio_connect_container',
  at: 'begin',
  group,
  phb,
  candidates: [],
  windows: [],
  fd: -1,
  types: [],
  info: null,
  error: '',
});

const groupFdOf = ({ vfio }: QemuState, { group }: ConnectContainerFrame): number =>
  groupOf(vfio, group)?.fd ?? unreachable('a group that is not open is connected');

const containerOfFrame = ({ vfio }: QemuState, { fd }: ConnectContainerFrame): VfioContainer =>
  containerOf(vfio, fd) ?? unreachable('a container that is not is connected');

/** The first type the host has, which stands first; null where QEMU has to ask for the next. */
const isSpapr = (type: number | undefined): boolean => type === SPAPR_V2 || type === SPAPR_V1;

/**
 * Puts a group into a container: one that its address space has where that takes it, which then shows it to KVM but
 * ties it to no view (B-17), else a new one. A new container of v2 registers all guest memory, drops the host's
 * default window, and only then hears of the guest's windows, each of which it makes, ties and replays.
 * @see [QEMU] hw/vfio/common.c: vfio_connect_container, vfio_init_container
 */
export function vfioConnectContainer(
  qemu: QemuState,
  frame: ConnectContainerFrame,
  resumed: Resumption,
): Step {
  switch (frame.at) {
    case 'begin': {
      const candidates = containersOfPhb(qemu.vfio, frame.phb).map(({ fd }) => fd);
      return joinOrOpen(qemu, { ...frame, candidates });
    }
    case 'joiningContainer':
      return vfioResult(resumed).ok
        ? joined(qemu, frame)
        : joinOrOpen(qemu, { ...frame, candidates: frame.candidates.slice(1) });
    case 'joined':
      return attachNextWindow(qemu, frame);
    case 'attachingJoined': {
      const error = String(returned(resumed));
      const next = { ...frame, windows: frame.windows.slice(1) };
      return attachNextWindow(qemu, next, error === '' ? [] : [errorReport(error)]);
    }
    case 'openingContainer': {
      const result = vfioResult(resumed);
      if (!result.ok) return ret(qemu, `failed to open /dev/vfio/vfio: ${strerror(result.errno)}`);
      const next: ConnectContainerFrame = { ...frame, at: 'askingApiVersion', fd: result.value };
      return vfioCall(qemu, next, { type: 'VFIO_GET_API_VERSION', containerFd: result.value });
    }
    case 'askingApiVersion': {
      const result = vfioResult(resumed);
      const version = result.ok ? result.value : -1;
      if (version !== 0) {
        return unwindContainer(qemu, frame, `supported vfio version: 0, reported version: ${version}`);
      }
      const v2 = qemu.config.switches.iommuType === 'v2' ? [SPAPR_V2] : [];
      return askExtension(qemu, { ...frame, types: [TYPE1V2, TYPE1, ...v2, SPAPR_V1] });
    }
    case 'checkingExtension': {
      const result = vfioResult(resumed);
      if (!(result.ok && result.value > 0 && isSpapr(frame.types[0]))) {
        return askExtension(qemu, { ...frame, types: frame.types.slice(1) });
      }
      const { fd: containerFd } = frame;
      const request = {
        type: 'VFIO_GROUP_SET_CONTAINER',
        groupFd: groupFdOf(qemu, frame),
        containerFd,
      } as const;
      return vfioCall(qemu, { ...frame, at: 'settingContainer' }, request);
    }
    case 'settingContainer':
      return orUnwind(qemu, frame, resumed, 'Failed to set group container', () => setIommu(qemu, frame));
    case 'settingIommu': {
      const retries = !vfioResult(resumed).ok && frame.types[0] === SPAPR_V2;
      if (retries) return setIommu(qemu, { ...frame, types: [SPAPR_V1] });
      return orUnwind(qemu, frame, resumed, 'Failed to set iommu for container', () => made(qemu, frame));
    }
    case 'enablingContainer':
      return orUnwind(qemu, frame, resumed, 'failed to enable container', () => askInfo(qemu, frame));
    case 'preregistered': {
      const { error } = containerOfFrame(qemu, frame);
      if (error === null) return askInfo(qemu, frame);
      return unwindContainer(qemu, frame, `RAM memory listener initialization failed: ${error}`);
    }
    case 'askingInfo':
      return orUnwind(qemu, frame, resumed, 'VFIO_IOMMU_SPAPR_TCE_GET_INFO failed', (info) =>
        informed(qemu, { ...frame, info: info ?? unreachable('GET_INFO without an answer') }),
      );
    case 'removingDefaultWindow':
      return removedDefault(qemu, frame, resumed);
    case 'addingToKvm':
      return listen(linked(qemu, frame), frame);
    case 'listening': {
      const { error } = containerOfFrame(qemu, frame);
      if (error !== null)
        return unwindContainer(qemu, frame, `memory listener initialization failed: ${error}`);
      if (qemu.config.switches.kvmAddBeforeListener === 'true') return initialized(qemu, frame);
      return call(linked(qemu, frame), { ...frame, at: 'addedToKvm' }, addToKvm(frame));
    }
    case 'addedToKvm':
      return initialized(qemu, frame);
    default:
      return unwound(qemu, frame);
  }
}

/** Goes on where a system call worked, else closes the container, with QEMU's words for it. */
function orUnwind(
  qemu: QemuState,
  frame: ConnectContainerFrame,
  resumed: Resumption,
  what: string,
  goOn: (info: VfioSpaprInfo | null) => Step,
): Step {
  const result = vfioResult(resumed);
  return result.ok ? goOn(result.info) : unwindContainer(qemu, frame, failure(what, result.errno));
}
const failure = (what: string, errno: Errno): string => `${what}: ${strerror(errno)}`;

const addToKvm = ({ group }: ConnectContainerFrame) =>
  ({ fn: 'vfio_kvm_device_add_group', at: 'begin', group }) as const;

/** Tries the next container of the address space; with none left, opens a new one. */
function joinOrOpen(qemu: QemuState, frame: ConnectContainerFrame): Step {
  const [containerFd] = frame.candidates;
  if (containerFd === undefined) {
    return vfioCall(qemu, { ...frame, at: 'openingContainer' }, { type: 'open', path: '/dev/vfio/vfio' });
  }
  const groupFd = groupFdOf(qemu, frame);
  return vfioCall(
    qemu,
    { ...frame, at: 'joiningContainer' },
    { type: 'VFIO_GROUP_SET_CONTAINER', groupFd, containerFd },
  );
}

/** A container took the group. With the switch attachKvmOnJoin mended, KVM ties it to the views of its windows. */
function joined(qemu: QemuState, frame: ConnectContainerFrame): Step {
  const [fd = unreachable('a group joined no container')] = frame.candidates;
  const next: ConnectContainerFrame = { ...frame, fd };
  const { giommus } = containerOfFrame(qemu, next);
  const ties = qemu.config.switches.attachKvmOnJoin === 'fixed' && qemu.config.kvm?.spaprTceVfio === true;
  const windows = ties ? giommus.map(({ liobn }) => liobn).sort((a, b) => a - b) : [];
  return call(linked(qemu, next), { ...next, at: 'joined', windows }, addToKvm(frame));
}

function attachNextWindow(qemu: QemuState, frame: ConnectContainerFrame, sent: Step['sent'] = []): Step {
  const [liobn] = frame.windows;
  if (liobn === undefined) return ret(qemu, '', sent);
  return call(
    qemu,
    { ...frame, at: 'attachingJoined' },
    { fn: 'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE', at: 'begin', group: frame.group, liobn },
    sent,
  );
}

/** The container and the group know each other. */
function linked(qemu: QemuState, frame: ConnectContainerFrame): QemuState {
  const container = containerOfFrame(qemu, frame);
  const group = groupOf(qemu.vfio, frame.group) ?? unreachable('a group that is not open is connected');
  const groups = [frame.group, ...container.groups];
  const vfio = withGroup(withContainer(qemu.vfio, { ...container, groups }), {
    ...group,
    containerFd: frame.fd,
  });
  return { ...qemu, vfio };
}

function askExtension(qemu: QemuState, frame: ConnectContainerFrame): Step {
  const [extension] = frame.types;
  if (extension === undefined) return unwindContainer(qemu, frame, 'No available IOMMU models');
  return vfioCall(
    qemu,
    { ...frame, at: 'checkingExtension' },
    { type: 'VFIO_CHECK_EXTENSION', containerFd: frame.fd, extension },
  );
}

function setIommu(qemu: QemuState, frame: ConnectContainerFrame): Step {
  const [iommuType = unreachable('a container without an IOMMU type')] = frame.types;
  return vfioCall(
    qemu,
    { ...frame, at: 'settingIommu' },
    { type: 'VFIO_SET_IOMMU', containerFd: frame.fd, iommuType },
  );
}

/** The container has its IOMMU. Memory is registered with v2; v1 charges its window. */
function made(qemu: QemuState, frame: ConnectContainerFrame): Step {
  const { fd, phb } = frame;
  const isV2 = frame.types[0] === SPAPR_V2;
  const container: VfioContainer = {
    fd,
    phb,
    iommuType: isV2 ? 'v2' : 'v1',
    pgsizes: 0n,
    initialized: false,
    error: null,
    groups: [],
    hostwins: [],
    giommus: [],
    ram: [],
    preregListener: isV2,
    listener: false,
  };
  const next = { ...qemu, vfio: withContainer(qemu.vfio, container) };
  if (!isV2) {
    return vfioCall(
      next,
      { ...frame, at: 'enablingContainer' },
      { type: 'VFIO_IOMMU_ENABLE', containerFd: fd },
    );
  }
  const jobs = ramSectionsOf(qemu).map((section) => ({ tell: 'ram_add', containerFd: fd, section }) as const);
  return callOrGo(next, { ...frame, at: 'preregistered' }, topologyFrame(jobs));
}

const askInfo = (qemu: QemuState, frame: ConnectContainerFrame): Step =>
  vfioCall(
    qemu,
    { ...frame, at: 'askingInfo' },
    { type: 'VFIO_IOMMU_SPAPR_TCE_GET_INFO', containerFd: frame.fd, argsz: null, readable: true },
  );

/** What the host can do is known: v2 drops the default window, v1 has no other. */
function informed(qemu: QemuState, frame: ConnectContainerFrame): Step {
  const { info } = frame;
  if (info === null) return unreachable('GET_INFO without an answer');
  const container = containerOfFrame(qemu, frame);
  const start = info.dma32WindowStart;
  if (container.iommuType === 'v2') {
    const pgsizes = info.ddw?.pgsizes ?? 0n;
    const known = { ...qemu, vfio: withContainer(qemu.vfio, { ...container, pgsizes }) };
    return vfioCall(known, { ...frame, at: 'removingDefaultWindow' }, removeRequest(frame.fd, ioba(start)));
  }
  const hostwin = { min: start, max: start + info.dma32WindowSize - 1n, pgsizes: V1_PAGE_SIZES };
  const vfio = withContainer(qemu.vfio, { ...container, pgsizes: V1_PAGE_SIZES, hostwins: [hostwin] });
  return introduce({ ...qemu, vfio }, frame);
}

function removedDefault(qemu: QemuState, frame: ConnectContainerFrame, resumed: Resumption): Step {
  const told = removed(resumed, frame.info?.dma32WindowStart ?? 0n);
  const result = vfioResult(resumed);
  if (result.ok) return introduce(qemu, frame, told);
  return unwindContainer(qemu, frame, failure('failed to remove existing window', result.errno), told);
}

/** KVM hears of the group before the listener needs it to, since qemu-2.10 (B-12). */
function introduce(qemu: QemuState, frame: ConnectContainerFrame, sent: Step['sent'] = []): Step {
  return qemu.config.switches.kvmAddBeforeListener === 'true'
    ? call(qemu, { ...frame, at: 'addingToKvm' }, addToKvm(frame), sent)
    : withSent(listen(qemu, frame), sent);
}

const withSent = (step: Step, sent: Step['sent']): Step => ({ ...step, sent: [...sent, ...step.sent] });

/** From here on the container hears of windows, first of those that are there. */
function listen(qemu: QemuState, frame: ConnectContainerFrame): Step {
  const { fd } = frame;
  const vfio = withContainer(qemu.vfio, { ...containerOfFrame(qemu, frame), listener: true });
  const jobs = sectionsOf(qemu, frame.phb).map(
    (section) => ({ tell: 'region_add', containerFd: fd, section }) as const,
  );
  return callOrGo({ ...qemu, vfio }, { ...frame, at: 'listening' }, topologyFrame(jobs));
}

function initialized(qemu: QemuState, frame: ConnectContainerFrame): Step {
  const vfio = withContainer(qemu.vfio, { ...containerOfFrame(qemu, frame), initialized: true });
  return ret({ ...qemu, vfio }, '');
}
