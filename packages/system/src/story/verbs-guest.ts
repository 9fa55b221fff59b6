import {
  bytes,
  type DlparAddDevice,
  type DlparAddPhb,
  type DlparRemoveDevice,
  type DlparRemovePhb,
  type DmaMap,
  type DmaUnmap,
  type GuestVfioCommand,
  gpa,
  ioba,
  iommuPageShift,
  type Kexec,
  liobn,
  type MachineReset,
  type OfflineMemory,
  type OnlineMemory,
  type PowerOn,
  type Probe,
  type Unbind,
} from '@spapr-dma/protocol';
import { pciDrcIndex } from '@spapr-dma/qemu-spapr';
import { pciNodeOf, phbNodeOf, platformOf } from '../device-tree.js';
import type { AnyMessage } from '../participants.js';
import { count, flag, listOf, objectOf, oneOf, optional, text, u64 } from './fields.js';
import { mappingIn, phbIn, qemuIn, type ScriptContext, ScriptError, to, vcpu, verb } from './verb.js';

const FROM = { from: 'environment', to: 'guest-kernel' } as const;
const onCpu = { vcpu: optional(count, 0) };
const direction = optional(
  oneOf('DMA_BIDIRECTIONAL', 'DMA_TO_DEVICE', 'DMA_FROM_DEVICE'),
  'DMA_BIDIRECTIONAL' as const,
);
const memory = { gpa: u64, bytes: u64 };

const toGuest = (message: AnyMessage, context: ScriptContext) => to('guest-kernel', message, context);

/** What a slot's device is, by the id that the monitor gave it. */
function deviceNamed(context: ScriptContext, id: string) {
  const device = qemuIn(context).devices.find((each) => each.id === id);
  if (device === undefined) throw new ScriptError(`there is no device ${id}`);
  return { ...device, drcIndex: pciDrcIndex(device.phb, device.devfn) };
}

const bootArgs = { multitceOff: optional(flag, false), disableDdw: optional(flag, false) };

/** What the administrator and the drivers ask of the guest's kernel. */
export const GUEST_VERBS = {
  /** Firmware starts, does its own maps, and starts the kernel. */
  'power-on': verb(
    {
      ...onCpu,
      ...bootArgs,
      firmware: optional(listOf(objectOf({ liobn: u64, ioba: u64, tce: u64 })), []),
    },
    ({ vcpu: cpu, multitceOff, disableDdw, firmware }, context) => {
      const { hotplugMax } = context.machine;
      const max = hotplugMax === 'none' ? null : (hotplugMax ?? context.sizes.hotplugMax);
      const message: PowerOn = {
        ...FROM,
        type: 'power-on',
        thread: vcpu(cpu),
        platform: platformOf(qemuIn(context), max),
        bootArgs: { multitceOff, disableDdw },
        firmware: firmware.map((put) => ({
          liobn: liobn(Number(put.liobn)),
          ioba: ioba(put.ioba),
          tce: put.tce,
        })),
      };
      return toGuest(message, context);
    },
  ),
  /** The vCPUs lose what they were doing; goes with `system_reset`. */
  'machine-reset': verb({}, (_, context) => {
    const message: MachineReset = { ...FROM, type: 'machine-reset' };
    return toGuest(message, context);
  }),
  probe: verb({ ...onCpu, device: text, dmaMask: u64 }, ({ vcpu: cpu, device, dmaMask }, context) => {
    const message: Probe = { ...FROM, type: 'probe', thread: vcpu(cpu), device, dmaMask };
    return toGuest(message, context);
  }),
  unbind: verb({ ...onCpu, device: text }, ({ vcpu: cpu, device }, context) => {
    const message: Unbind = { ...FROM, type: 'unbind', thread: vcpu(cpu), device };
    return toGuest(message, context);
  }),
  /** `as` names the mapping for later steps. */
  dma_map: verb(
    {
      ...onCpu,
      device: text,
      kind: optional(oneOf('page', 'coherent'), 'page' as const),
      ...memory,
      direction,
      as: optional(text, null),
    },
    ({ vcpu: cpu, as: _, gpa: address, bytes: size, ...rest }, context) => {
      const message: DmaMap = {
        ...FROM,
        ...rest,
        type: 'dma_map',
        thread: vcpu(cpu),
        gpa: gpa(address),
        bytes: bytes(size),
      };
      return toGuest(message, context);
    },
  ),
  /** Gives a mapping back that a `dma_map` has named. */
  dma_unmap: verb({ ...onCpu, of: text }, ({ vcpu: cpu, of }, context) => {
    const { device, segments } = mappingIn(context, of);
    const [segment] = segments;
    if (segment === undefined) throw new ScriptError(`'${of}' has no segment`);
    const message: DmaUnmap = {
      ...FROM,
      type: 'dma_unmap',
      thread: vcpu(cpu),
      device,
      dmaAddress: ioba(segment.dmaAddress),
      bytes: bytes(segment.bytes),
    };
    return toGuest(message, context);
  }),
  'online-memory': verb({ ...onCpu, ...memory }, ({ vcpu: cpu, ...range }, context) => {
    const message: OnlineMemory = {
      ...FROM,
      type: 'online-memory',
      thread: vcpu(cpu),
      gpa: gpa(range.gpa),
      bytes: bytes(range.bytes),
    };
    return toGuest(message, context);
  }),
  'offline-memory': verb({ ...onCpu, ...memory }, ({ vcpu: cpu, ...range }, context) => {
    const message: OfflineMemory = {
      ...FROM,
      type: 'offline-memory',
      thread: vcpu(cpu),
      gpa: gpa(range.gpa),
      bytes: bytes(range.bytes),
    };
    return toGuest(message, context);
  }),
  /** Takes a plugged PHB into use; its node is what QEMU hands over now. */
  'dlpar-add-phb': verb({ ...onCpu, phb: count }, ({ vcpu: cpu, phb }, context) => {
    const node = phbNodeOf(qemuIn(context), phbIn(context, phb));
    const message: DlparAddPhb = { ...FROM, type: 'dlpar-add-phb', thread: vcpu(cpu), node };
    return toGuest(message, context);
  }),
  'dlpar-add-device': verb({ ...onCpu, device: text }, ({ vcpu: cpu, device: id }, context) => {
    const device = deviceNamed(context, id);
    const message: DlparAddDevice = {
      ...FROM,
      type: 'dlpar-add-device',
      thread: vcpu(cpu),
      buid: phbIn(context, device.phb).buid,
      drcIndex: device.drcIndex,
      node: pciNodeOf(device),
    };
    return toGuest(message, context);
  }),
  'dlpar-remove-phb': verb({ ...onCpu, phb: count }, ({ vcpu: cpu, phb }, context) => {
    const { buid } = phbIn(context, phb);
    const message: DlparRemovePhb = { ...FROM, type: 'dlpar-remove-phb', thread: vcpu(cpu), buid };
    return toGuest(message, context);
  }),
  'dlpar-remove-device': verb({ ...onCpu, device: text }, ({ vcpu: cpu, device }, context) => {
    const { drcIndex } = deviceNamed(context, device);
    const message: DlparRemoveDevice = {
      ...FROM,
      type: 'dlpar-remove-device',
      thread: vcpu(cpu),
      drcIndex,
      device,
    };
    return toGuest(message, context);
  }),
  kexec: verb({ ...onCpu, ...bootArgs, kdump: optional(flag, false) }, (values, context) => {
    const { vcpu: cpu, kdump, multitceOff, disableDdw } = values;
    const message: Kexec = {
      ...FROM,
      type: 'kexec',
      thread: vcpu(cpu),
      kdump,
      bootArgs: { multitceOff, disableDdw },
    };
    return toGuest(message, context);
  }),
  'vfio-take-ownership': verb({ ...onCpu, phb: count }, ({ vcpu: cpu, phb }, context) =>
    vfio(context, cpu, phb, { type: 'vfio-take-ownership' }),
  ),
  'vfio-release-ownership': verb({ ...onCpu, phb: count }, ({ vcpu: cpu, phb }, context) =>
    vfio(context, cpu, phb, { type: 'vfio-release-ownership' }),
  ),
  'vfio-create-table': verb(
    {
      ...onCpu,
      phb: count,
      num: oneOf(0, 1),
      pageShift: count,
      windowBytes: u64,
      levels: optional(count, 1),
    },
    ({ vcpu: cpu, phb, num, pageShift, windowBytes, levels }, context) =>
      vfio(context, cpu, phb, {
        type: 'vfio-create-table',
        num,
        pageShift: iommuPageShift(pageShift),
        windowBytes: bytes(windowBytes),
        levels,
      }),
  ),
  'vfio-unset-window': verb({ ...onCpu, phb: count, num: oneOf(0, 1) }, ({ vcpu: cpu, phb, num }, context) =>
    vfio(context, cpu, phb, { type: 'vfio-unset-window', num }),
  ),
  'vfio-map': verb(
    { ...onCpu, phb: count, num: oneOf(0, 1), ioba: u64, ...memory, direction },
    ({ vcpu: cpu, phb, num, ioba: address, gpa: page, bytes: size, direction: way }, context) =>
      vfio(context, cpu, phb, {
        type: 'vfio-map',
        num,
        ioba: ioba(address),
        gpa: gpa(page),
        bytes: bytes(size),
        direction: way,
      }),
  ),
  'vfio-unmap': verb(
    { ...onCpu, phb: count, num: oneOf(0, 1), ioba: u64, bytes: u64 },
    ({ vcpu: cpu, phb, num, ioba: address, bytes: size }, context) =>
      vfio(context, cpu, phb, { type: 'vfio-unmap', num, ioba: ioba(address), bytes: bytes(size) }),
  ),
} as const;

type Body<T> = T extends unknown ? Omit<T, 'from' | 'to' | 'thread' | 'buid'> : never;

/** VFIO inside the guest. */
function vfio(context: ScriptContext, cpu: number, phb: number, body: Body<GuestVfioCommand>) {
  const { buid } = phbIn(context, phb);
  const message = { ...FROM, thread: vcpu(cpu), buid, ...body };
  return toGuest(message, context);
}
