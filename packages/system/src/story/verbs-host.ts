import {
  type BindDriver,
  bytes,
  type DeviceAdd,
  type DeviceDel,
  type Exit,
  type ExitKvm,
  type FailNext,
  gpa,
  type HostDeviceDma,
  type HostDmaMap,
  type HostDmaUnmap,
  type Hpa,
  ioba,
  type Kill,
  type KvmFailNext,
  type Quit,
  type RemoveDevice,
  type RescanBus,
  type SetMemlock,
  type SriovNumVfs,
  threadId,
  type UnbindDriver,
  type UnbindVfioPci,
} from '@spapr-dma/protocol';
import { count, flag, oneOf, optional, text, u64 } from './fields.js';
import { mappingIn, qemuIn, type ScriptContext, ScriptError, to, verb } from './verb.js';

const ADMINISTRATOR = threadId('admin');
const toQemu = { from: 'environment', to: 'qemu-spapr' } as const;
const toHost = { from: 'environment', to: 'powernv-ioda2', thread: ADMINISTRATOR } as const;
const toVfio = { from: 'environment', to: 'vfio-host', thread: ADMINISTRATOR } as const;
const toKvm = { from: 'environment', to: 'kvm', thread: ADMINISTRATOR } as const;
/** QEMU's process. */
const QEMU = 'qemu';

const POWERNV_CALLS = [
  'opal_pci_map_pe_dma_window',
  'opal_pci_map_pe_dma_window_real',
  'create_table',
  'userspace_slot_alloc',
  'tce_level_alloc',
] as const satisfies readonly FailNext['call'][];
const KVM_CALLS = [
  'kvm_spapr_get_tce_page',
  'kvmppc_spapr_tce_table',
  'kvmppc_spapr_tce_iommu_table',
] as const satisfies readonly KvmFailNext['call'][];

/** The function of the host behind a device of the guest. @throws ScriptError for one that is not passed through */
function hostFunctionOf(id: string, context: ScriptContext): string {
  const device = qemuIn(context).devices.find((each) => each.id === id);
  if (device?.driver !== 'vfio-pci') throw new ScriptError(`${id} is no device of the host`);
  return device.host;
}

/** A function of the host reaches for a bus address. */
function hostDma(
  access: { readonly device: string; readonly bytes: number; readonly access: 'read' | 'write' },
  address: bigint,
  context: ScriptContext,
) {
  const message: HostDeviceDma = {
    ...toHost,
    ...access,
    type: 'host-device-dma',
    thread: threadId(access.device),
    address: ioba(address),
  };
  return to('powernv-ioda2', message, context);
}

/** What the monitor does with passed-through devices, what the host does with its own, and what ends QEMU. */
export const HOST_VERBS = {
  'device_add-vfio': verb(
    { id: text, phb: count, devfn: count, host: text, group: count },
    (device, context) => {
      const message: DeviceAdd = {
        ...toQemu,
        type: 'device_add',
        device: { driver: 'vfio-pci', ...device },
      };
      return to('qemu-spapr', message, context);
    },
  ),
  'device_del-memory': verb({ gpa: u64 }, ({ gpa: address }, context) => {
    const message: DeviceDel = {
      ...toQemu,
      type: 'device_del',
      target: { kind: 'memory', gpa: gpa(address) },
    };
    return to('qemu-spapr', message, context);
  }),
  quit: verb({}, (_, context) => {
    const message: Quit = { ...toQemu, type: 'quit' };
    return to('qemu-spapr', message, context);
  }),
  /** The kernel ends QEMU at once, as SIGKILL does. */
  kill: verb({}, (_, context) => {
    const message: Kill = { ...toQemu, type: 'kill' };
    return to('qemu-spapr', message, context);
  }),
  /** The kernel closes what QEMU had open in KVM: after it has ended. */
  'exit-kvm': verb({}, (_, context) => {
    const message: ExitKvm = { ...toKvm, type: 'exit' };
    return to('kvm', message, context);
  }),
  /** The kernel closes what QEMU had open in VFIO, and takes its memory away. */
  'exit-vfio': verb({}, (_, context) => {
    const message: Exit = { ...toVfio, type: 'exit', process: QEMU };
    return to('vfio-host', message, context);
  }),
  /** RLIMIT_MEMLOCK of QEMU, and whether it has CAP_IPC_LOCK; without `kb` there is no limit. */
  'set-memlock': verb(
    { kb: optional(count, null), capIpcLock: optional(flag, false) },
    ({ kb, capIpcLock }, context) => {
      const message: SetMemlock = {
        ...toVfio,
        type: 'set-memlock',
        process: QEMU,
        limit: kb === null ? null : bytes(BigInt(kb) << 10n),
        capIpcLock,
      };
      return to('vfio-host', message, context);
    },
  ),
  'unbind-vfio-pci': verb({ device: text }, ({ device }, context) => {
    const message: UnbindVfioPci = { ...toVfio, type: 'unbind-vfio-pci', device };
    return to('vfio-host', message, context);
  }),
  'host-bind-driver': verb({ device: text, dmaMask: u64 }, (driver, context) => {
    const message: BindDriver = { ...toHost, type: 'bind-driver', ...driver };
    return to('powernv-ioda2', message, context);
  }),
  'host-unbind-driver': verb({ device: text }, ({ device }, context) => {
    const message: UnbindDriver = { ...toHost, type: 'unbind-driver', device };
    return to('powernv-ioda2', message, context);
  }),
  'host-dma_map': verb({ device: text, hpa: u64, bytes: u64 }, ({ device, hpa, bytes: size }, context) => {
    const message: HostDmaMap = { ...toHost, type: 'dma_map', device, hpa: hpa as Hpa, bytes: bytes(size) };
    return to('powernv-ioda2', message, context);
  }),
  'host-dma_unmap': verb(
    { device: text, address: u64, bytes: u64 },
    ({ device, address, bytes: size }, context) => {
      const message: HostDmaUnmap = {
        ...toHost,
        type: 'dma_unmap',
        device,
        address: ioba(address),
        bytes: bytes(size),
      };
      return to('powernv-ioda2', message, context);
    },
  ),
  'host-remove-device': verb({ device: text }, ({ device }, context) => {
    const message: RemoveDevice = { ...toHost, type: 'remove-device', device };
    return to('powernv-ioda2', message, context);
  }),
  'host-rescan': verb({ phb: count }, ({ phb }, context) => {
    const message: RescanBus = { ...toHost, type: 'rescan', phb };
    return to('powernv-ioda2', message, context);
  }),
  'host-sriov_numvfs': verb({ device: text, count }, (vfs, context) => {
    const message: SriovNumVfs = { ...toHost, type: 'sriov_numvfs', ...vfs };
    return to('powernv-ioda2', message, context);
  }),
  /** The next call of that name fails, in firmware or for want of memory. */
  'fail-next': verb({ call: oneOf(...POWERNV_CALLS, ...KVM_CALLS) }, ({ call }, context) => {
    const inKvm = KVM_CALLS.find((each) => each === call);
    if (inKvm !== undefined) {
      const message: KvmFailNext = { ...toKvm, type: 'fail-next', call: inKvm };
      return to('kvm', message, context);
    }
    const message: FailNext = {
      ...toHost,
      type: 'fail-next',
      call: call as FailNext['call'],
      code: 'OPAL_HARDWARE',
    };
    return to('powernv-ioda2', message, context);
  }),
  /** A function of the host, passed through or not, reaches for a bus address. */
  'host-device-dma': verb(
    { device: text, address: u64, bytes: count, access: oneOf('read', 'write') },
    ({ address, ...access }, context) => hostDma(access, address, context),
  ),
  /** A function that is passed through reaches for a buffer that its driver in the guest has mapped under a name. */
  'host-device-dma-mapped': verb(
    { of: text, bytes: count, access: oneOf('read', 'write') },
    ({ of, ...access }, context) => {
      const { device, segments } = mappingIn(context, of);
      const [segment] = segments;
      if (segment === undefined) throw new ScriptError(`'${of}' has no segment`);
      return hostDma({ device: hostFunctionOf(device, context), ...access }, segment.dmaAddress, context);
    },
  ),
} as const;
