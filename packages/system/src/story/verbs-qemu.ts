import {
  bytes,
  type Device,
  type DeviceAdd,
  type DeviceDel,
  type DeviceDma,
  gpa,
  ioba,
  liobn,
  type MigrateIncoming,
  type MigrationStream,
  threadId,
} from '@spapr-dma/protocol';
import type { Choice } from '../choices.js';
import type { AnyMessage } from '../participants.js';
import { count, flag, objectOf, oneOf, optional, text, u64 } from './fields.js';
import { phbDeviceOf } from './setup.js';
import { mappingIn, qemuIn, type ScriptContext, ScriptError, to, verb } from './verb.js';

const FROM = { from: 'environment', to: 'qemu-spapr' } as const;
/** Which of two QEMUs; the guest's if it is not said. */
const which = { of: optional(text, null) };

function toQemu(message: AnyMessage, name: string | null, context: ScriptContext): Choice {
  if (name === null) return to('qemu-spapr', message, context);
  if (context.state.snapshots[name] === undefined) throw new ScriptError(`there is no ${name}`);
  return { kind: 'offer', to: name, message };
}

const simple = (type: 'system_reset' | 'stop' | 'cont' | 'migrate') =>
  verb(which, ({ of }, context) => toQemu({ ...FROM, type }, of, context));

const add = (device: Device, of: string | null, context: ScriptContext): Choice => {
  const message: DeviceAdd = { ...FROM, type: 'device_add', device };
  return toQemu(message, of, context);
};

const remove = (target: DeviceDel['target'], context: ScriptContext): Choice => {
  const message: DeviceDel = { ...FROM, type: 'device_del', target };
  return toQemu(message, null, context);
};

/** Where a device's DMA goes: through its PHB's windows. */
function targetOf(context: ScriptContext, id: string): DeviceDma['target'] {
  const device = qemuIn(context).devices.find((each) => each.id === id);
  if (device !== undefined) return { kind: 'phb', index: device.phb };
  const vio = qemuIn(context).vios.find(({ reg }) => `vio@${reg.toString(16)}` === id);
  if (vio !== undefined) return { kind: 'vio', liobn: liobn(vio.reg) };
  throw new ScriptError(`there is no device ${id}`);
}

const access = { bytes: count, access: oneOf('read', 'write') };

/** What the monitor says to QEMU, and what devices do. */
export const QEMU_VERBS = {
  system_reset: simple('system_reset'),
  stop: simple('stop'),
  cont: simple('cont'),
  migrate: simple('migrate'),
  /** Loads what the last `migrate` wrote. */
  'migrate-incoming': verb(which, ({ of }, context) => {
    if (context.stream === null) throw new ScriptError('nothing was migrated');
    const message: MigrateIncoming = {
      ...FROM,
      type: 'migrate-incoming',
      stream: context.stream as MigrationStream,
    };
    return toQemu(message, of, context);
  }),
  /** The guest runs on another QEMU from now on. */
  handover: verb(
    { to: text },
    ({ to: name }): Choice => ({ kind: 'reroute', component: 'qemu-spapr', to: name }),
  ),
  'device_add-phb': verb(
    {
      phb: objectOf({
        index: count,
        ddw: optional(oneOf('on', 'off'), null),
        pgsz: optional(u64, null),
      }),
      ...which,
    },
    ({ phb: { index, ddw, pgsz }, of }, context) =>
      add(phbDeviceOf({ index, pgsz, ddw: ddw === null ? null : ddw === 'on' }, context.sizes), of, context),
  ),
  'device_add-pci': verb({ id: text, phb: count, devfn: count, ...which }, ({ of, ...device }, context) =>
    add({ driver: 'pci', ...device }, of, context),
  ),
  /** `joins`: it is one block with the memory right before it, as where something that covered a part of it goes. */
  'device_add-memory': verb(
    { gpa: u64, bytes: u64, joins: optional(flag, false) },
    ({ gpa: address, bytes: size, joins }, context) => {
      const block = { gpa: gpa(address), bytes: bytes(size), ...(joins ? { joins } : {}) };
      return add({ driver: 'pc-dimm', ...block }, null, context);
    },
  ),
  'device_del-phb': verb({ phb: count }, ({ phb }, context) => remove({ kind: 'phb', index: phb }, context)),
  'device_del-pci': verb({ id: text }, ({ id }, context) => remove({ kind: 'pci', id }, context)),
  'register-iommu-notifier': verb({ phb: count }, ({ phb }, context) =>
    toQemu({ ...FROM, type: 'register-iommu-notifier', phb } as AnyMessage, null, context),
  ),
  'unregister-iommu-notifier': verb({ phb: count }, ({ phb }, context) =>
    toQemu({ ...FROM, type: 'unregister-iommu-notifier', phb } as AnyMessage, null, context),
  ),
  /** A device's access to a bus address. */
  'device-dma': verb(
    { device: text, ioba: u64, ...access },
    ({ device, ioba: address, ...rest }, context) => {
      const message: DeviceDma = {
        ...FROM,
        ...rest,
        type: 'device-dma',
        thread: threadId(device),
        target: targetOf(context, device),
        ioba: ioba(address),
      };
      return toQemu(message, null, context);
    },
  ),
  /** A device's access to a buffer that its driver has mapped under a name. */
  'device-dma-mapped': verb({ of: text, ...access }, ({ of, ...rest }, context) => {
    const { device, segments } = mappingIn(context, of);
    const message: DeviceDma = {
      ...FROM,
      ...rest,
      type: 'device-dma',
      thread: threadId(device),
      target: targetOf(context, device),
      ioba: ioba(segments[0]!.dmaAddress),
    };
    return toQemu(message, null, context);
  }),
} as const;
