import type {
  Errno,
  ProcessId,
  VfioCall,
  VfioEehPeOp,
  VfioIommuMapDma,
  VfioIommuUnmapDma,
  VfioSpaprTceCreate,
  VfioSpaprTceRemove,
} from '@spapr-dma/protocol';
import type { Outcome } from './account-locked-vm.js';
import { accountLockedVm } from './account-locked-vm.js';
import { answer, isError, type Rc } from './answers.js';
import { answered, type Begun, goesOn } from './begun.js';
import type { ContainerId, GroupFacts, MmId, TceContainer } from './objects.js';
import { registerMemory, unregisterMemory } from './register-memory.js';
import { ran, type Said } from './said.js';
import { chargedMm, ensureProcess, type VfioHost, windowAt, withTce } from './state.js';
import { tceIommuDisable } from './tce-disable.js';

/** Bytes that each call's block has at least. @see [Linux] include/uapi/linux/vfio.h */
const BLOCK_BYTES = {
  VFIO_IOMMU_SPAPR_TCE_GET_INFO: 16,
  VFIO_IOMMU_MAP_DMA: 32,
  VFIO_IOMMU_UNMAP_DMA: 24,
  VFIO_IOMMU_SPAPR_REGISTER_MEMORY: 24,
  VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY: 24,
  VFIO_IOMMU_SPAPR_TCE_CREATE: 40,
  VFIO_IOMMU_SPAPR_TCE_REMOVE: 16,
  VFIO_EEH_PE_OP: 12,
} as const;
/** Bytes of GET_INFO's block with room for dynamic windows. */
const INFO_BYTES_DDW = 32;
const INFO_DDW = 1;
/** VFIO_EEH_PE_DISABLE to VFIO_EEH_PE_INJECT_ERR. */
const EEH_OPS = 9;

type WithBlock = Extract<VfioCall, { type: keyof typeof BLOCK_BYTES }>;
export type DriverCall = Extract<
  VfioCall,
  { type: keyof typeof BLOCK_BYTES | 'VFIO_IOMMU_ENABLE' | 'VFIO_IOMMU_DISABLE' | 'ioctl' }
>;

/** EFAULT for a block that cannot be read, EINVAL for one that is too short. */
function blockStatus({ type, readable, argsz }: WithBlock): Rc {
  if (!readable) return 'EFAULT';
  return argsz !== null && argsz < BLOCK_BYTES[type] ? 'EINVAL' : 0;
}
/** The same, and EINVAL for flags that the call does not know. */
function flagsStatus(call: WithBlock & { readonly flags: number }, known = 0): Rc {
  const rc = blockStatus(call);
  return rc === 0 && (call.flags & ~known) !== 0 ? 'EINVAL' : rc;
}

/** A call on a container that has a driver, and on whose behalf. */
interface Called {
  readonly host: VfioHost;
  readonly container: ContainerId;
  readonly tce: TceContainer;
  readonly caller: ProcessId;
  readonly callerMm: MmId;
  readonly said: readonly Said[];
}

const refused = ({ host, said }: Called, rc: Rc): Begun => answered(host, rc, said);
const ended = ({ said }: Called, outcome: Outcome): Begun =>
  answered(outcome.host, outcome.rc, [...said, ...outcome.said]);

/**
 * The container belongs to its first user: EPERM for anybody else.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_mm_set
 */
function mmSet(called: Called): Called {
  if (called.host.config.features.mmOwner === 'current') return called;
  const said = [...called.said, ran('tce_iommu_mm_set')];
  if (called.tce.mm !== null) return { ...called, said };
  const host = withTce(called.host, called.container, { mm: called.callerMm });
  return { ...called, host, said, tce: { ...called.tce, mm: called.callerMm } };
}
const charged = ({ host, container, caller }: Called): MmId | null => chargedMm(host, container, caller);

/** What the first group says of its windows. */
function getInfo(
  called: Called,
  call: Extract<DriverCall, { type: 'VFIO_IOMMU_SPAPR_TCE_GET_INFO' }>,
): Begun {
  const { host, tce, said } = called;
  const [first] = tce.groups;
  if (first === undefined) return refused(called, 'ENXIO');
  const rc = blockStatus(call);
  if (isError(rc)) return refused(called, rc);
  const { dma32Start, dma32Size, pgsizes, maxDynamicWindows, maxLevels: levels } = first;
  const hasDdw = tce.version === 'v2' && maxDynamicWindows > 0;
  const hasRoom = call.argsz === null || call.argsz >= INFO_BYTES_DDW;
  return answered(
    host,
    {
      ...answer(0),
      info: {
        flags: hasDdw ? INFO_DDW : 0,
        dma32WindowStart: dma32Start,
        dma32WindowSize: dma32Size,
        ddw: hasDdw && hasRoom ? { pgsizes, maxDynamicWindows, levels } : null,
      },
    },
    said,
  );
}

/** MAP_DMA up to the point where it needs a window. */
function mapDmaCall(called: Called, call: VfioIommuMapDma): Begun {
  const { host, container, tce, said } = called;
  const rc: Rc = tce.enabled ? flagsStatus(call, 3) : 'EPERM';
  if (isError(rc)) return refused(called, rc);
  const { flags, vaddr, iova, size } = call;
  const frame = { fn: 'map_dma', at: 'entered', container, mm: charged(called) } as const;
  return goesOn(host, { ...frame, flags, vaddr, iova, size }, said);
}
/** UNMAP_DMA up to the point where it needs a window. */
function unmapDmaCall(called: Called, call: VfioIommuUnmapDma): Begun {
  const { host, container, tce, said } = called;
  const rc: Rc = tce.enabled ? flagsStatus(call) : 'EPERM';
  if (isError(rc)) return refused(called, rc);
  const frame = { fn: 'unmap_dma', at: 'entered', container, mm: charged(called) } as const;
  return goesOn(host, { ...frame, iova: call.iova, size: call.size }, said);
}

function createCall(before: Called, call: VfioSpaprTceCreate): Begun {
  if (before.tce.version === 'v1') return refused(before, 'ENOTTY');
  const called = mmSet(before);
  const rc: Rc = called.tce.groups.length === 0 ? 'ENXIO' : flagsStatus(call);
  if (isError(rc)) return refused(called, rc);
  const { pageShift, windowSize, levels } = call;
  const { host, container, said } = called;
  return goesOn(
    host,
    {
      fn: 'tce_create',
      at: 'entered',
      container,
      mm: charged(called),
      request: { pageShift, windowSize, levels },
    },
    said,
  );
}

function removeCall(before: Called, call: VfioSpaprTceRemove): Begun {
  if (before.tce.version === 'v1') return refused(before, 'ENOTTY');
  const called = mmSet(before);
  const { host, container, tce, said } = called;
  const rc: Rc = tce.groups.length === 0 ? 'ENXIO' : flagsStatus(call);
  if (isError(rc)) return refused(called, rc);
  if (cancelsDefaultWindow(tce, call)) {
    return answered(withTce(host, container, { defaultWindow: 'cancelled' }), 0, said);
  }
  const found = windowAt(tce, call.startAddr);
  if (found === undefined) return refused(called, 'EINVAL');
  const { num, window } = found;
  return goesOn(
    host,
    {
      fn: 'tce_iommu_remove_window',
      at: 'entered',
      container,
      mm: charged(called),
      num,
      ...window,
      groups: [],
      cleared: false,
    },
    said,
  );
}
/** A default window that is only owed is cancelled by its address, without the container's mutex. */
export const cancelsDefaultWindow = (tce: TceContainer, { startAddr }: VfioSpaprTceRemove): boolean =>
  tce.defaultWindow === 'pending' && startAddr === 0n;

/**
 * v1 takes the container into use, and charges the whole default window whatever is mapped.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_enable
 */
function enableCall(before: Called): Begun {
  const { tce } = before;
  const [first] = tce.groups;
  if (tce.version === 'v2') return refused(before, 'ENOTTY');
  const rc = enableStatus(tce, first);
  if (isError(rc)) return refused(before, rc);
  const called = mmSet(before);
  const lockedPages = Number(first!.dma32Size >> BigInt(before.host.config.hostPageShift));
  const outcome = accountLockedVm(called.host, charged(called), lockedPages, true);
  if (isError(outcome.rc)) return ended(called, outcome);
  const host = withTce(outcome.host, called.container, { enabled: true, lockedPages });
  return ended(called, { ...outcome, host });
}
/** EBUSY where it is enabled, ENODEV without a group, EPERM without 32-bit addresses. */
function enableStatus({ enabled }: TceContainer, first: GroupFacts | undefined): Rc {
  if (enabled) return 'EBUSY';
  if (first === undefined) return 'ENODEV';
  return first.dma32Size === 0n ? 'EPERM' : 0;
}

/**
 * EEH operations succeed, and every state is the normal one.
 *
 * Abstraction: what they do to the PEs is left out.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: vfio_spapr_iommu_eeh_ioctl
 */
function eehPeOp(called: Called, call: VfioEehPeOp): Begun {
  if (called.tce.groups.length === 0) return refused(called, 0);
  const rc = blockStatus(call);
  if (isError(rc)) return refused(called, rc);
  return refused(called, call.op >= 0 && call.op <= EEH_OPS ? 0 : 'EINVAL');
}

/** Memory is registered or unregistered; v1 knows neither. */
function memoryCall(
  before: Called,
  call: Extract<
    DriverCall,
    { type: 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY' | 'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY' }
  >,
): Begun {
  if (before.tce.version === 'v1') return refused(before, 'ENOTTY');
  const registers = call.type === 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY';
  if (!registers && before.tce.mm === null && before.host.config.features.mmOwner === 'first') {
    return refused(before, 'EPERM');
  }
  const called = registers ? mmSet(before) : before;
  const rc = flagsStatus(call);
  if (isError(rc)) return refused(called, rc);
  const { host, container, caller, callerMm } = called;
  const registration = { container, mm: charged(called) ?? callerMm, caller };
  return ended(
    called,
    registers ? registerMemory(host, registration, call) : unregisterMemory(host, registration, call),
  );
}

/** EPERM for whoever is not the process that used the container first. */
function ownerStatus({ config }: VfioHost, tce: TceContainer, callerMm: MmId): 0 | Errno {
  const foreign = config.features.mmOwner === 'first' && tce.mm !== null && tce.mm !== callerMm;
  return foreign ? 'EPERM' : 0;
}

/**
 * A call that the core passes to the container's driver. EPERM for a process that the container does not belong
 * to, ENOTTY for a number that is no call.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_ioctl
 */
export function driverCall(
  start: VfioHost,
  container: ContainerId,
  tce: TceContainer,
  call: DriverCall,
): Begun {
  const [host, { process: caller, mm: callerMm }] = ensureProcess(start, call.process);
  const called: Called = { host, container, tce, caller, callerMm, said: [ran('tce_iommu_ioctl')] };
  const owner = ownerStatus(host, tce, callerMm);
  if (isError(owner)) return refused(called, owner);
  switch (call.type) {
    case 'VFIO_IOMMU_SPAPR_TCE_GET_INFO':
      return getInfo(called, call);
    case 'VFIO_IOMMU_MAP_DMA':
      return mapDmaCall(called, call);
    case 'VFIO_IOMMU_UNMAP_DMA':
      return unmapDmaCall(called, call);
    case 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY':
    case 'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY':
      return memoryCall(called, call);
    case 'VFIO_IOMMU_SPAPR_TCE_CREATE':
      return createCall(called, call);
    case 'VFIO_IOMMU_SPAPR_TCE_REMOVE':
      return removeCall(called, call);
    case 'VFIO_IOMMU_ENABLE':
      return enableCall(called);
    case 'VFIO_IOMMU_DISABLE':
      if (tce.version === 'v2') return refused(called, 'ENOTTY');
      return ended(called, tceIommuDisable(host, container, charged(called)));
    case 'VFIO_EEH_PE_OP':
      return eehPeOp(called, call);
    case 'ioctl':
      return refused(called, 'ENOTTY');
  }
}
