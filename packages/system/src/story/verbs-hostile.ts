import {
  type HGetTce,
  type HPutTce,
  type HPutTceIndirect,
  type HStuffTce,
  high32,
  INDICATORS,
  ISOLATION_STATES,
  low32,
  type RtasCall,
} from '@spapr-dma/protocol';
import { buidOf, pciDrcIndex } from '@spapr-dma/qemu-spapr';
import type { AnyMessage } from '../participants.js';
import { count, listOf, oneOf, optional, text, u64 } from './fields.js';
import { qemuIn, type ScriptContext, ScriptError, to, vcpu, verb } from './verb.js';

/**
 * Calls of a guest that is not ours: whatever a vCPU can put into its registers. Only for machines without a
 * guest kernel, which would not know what to do with the answers.
 */
const FROM = { from: 'guest-kernel' } as const;
const onCpu = { vcpu: optional(count, 0) };
const place = { liobn: u64, ioba: u64 };

/** Where a vCPU's calls go: to KVM where the machine runs in it, else to QEMU. */
function toHypervisor(message: Omit<AnyMessage, 'to'>, context: ScriptContext) {
  const hypervisor = context.state.routes.kvm === undefined ? 'qemu-spapr' : 'kvm';
  return to(hypervisor, { ...message, to: hypervisor }, context);
}

function rtas(
  type: RtasCall['type'],
  cpu: number,
  args: readonly number[],
  nret: number,
  context: ScriptContext,
) {
  const message: Omit<RtasCall, 'to'> = { ...FROM, type, thread: vcpu(cpu), args, nret };
  return toHypervisor(message, context);
}

/** The configuration address of the first device, and the BUID in two cells. */
const addressOf = (phb: number): readonly number[] => {
  const buid = buidOf(phb);
  return [0, high32(buid), low32(buid)];
};

/** The connector of the slot that a device sits in. @throws ScriptError where there is no such device */
function connectorOf(id: string, context: ScriptContext): number {
  const device = qemuIn(context).devices.find((each) => each.id === id);
  if (device === undefined) throw new ScriptError(`there is no device ${id}`);
  return pciDrcIndex(device.phb, device.devfn);
}

/** What a vCPU may call without asking its kernel. */
export const HOSTILE_VERBS = {
  H_PUT_TCE: verb({ ...onCpu, ...place, tce: u64 }, ({ vcpu: cpu, ...rest }, context) => {
    const message: Omit<HPutTce, 'to'> = { ...FROM, ...rest, type: 'H_PUT_TCE', thread: vcpu(cpu) };
    return toHypervisor(message, context);
  }),
  H_PUT_TCE_INDIRECT: verb(
    { ...onCpu, ...place, tceList: optional(u64, 0x10000n), tces: listOf(u64), npages: optional(u64, null) },
    ({ vcpu: cpu, npages, ...rest }, context) => {
      const message: Omit<HPutTceIndirect, 'to'> = {
        ...FROM,
        ...rest,
        type: 'H_PUT_TCE_INDIRECT',
        thread: vcpu(cpu),
        npages: npages ?? BigInt(rest.tces.length),
      };
      return toHypervisor(message, context);
    },
  ),
  H_STUFF_TCE: verb({ ...onCpu, ...place, tceValue: u64, npages: u64 }, ({ vcpu: cpu, ...rest }, context) => {
    const message: Omit<HStuffTce, 'to'> = { ...FROM, ...rest, type: 'H_STUFF_TCE', thread: vcpu(cpu) };
    return toHypervisor(message, context);
  }),
  H_GET_TCE: verb({ ...onCpu, ...place }, ({ vcpu: cpu, ...rest }, context) => {
    const message: Omit<HGetTce, 'to'> = { ...FROM, ...rest, type: 'H_GET_TCE', thread: vcpu(cpu) };
    return toHypervisor(message, context);
  }),
  'ibm,query-pe-dma-window': verb(
    { ...onCpu, phb: count, nret: optional(count, 6) },
    ({ vcpu: cpu, phb, nret }, context) =>
      rtas('ibm,query-pe-dma-window', cpu, addressOf(phb), nret, context),
  ),
  'ibm,create-pe-dma-window': verb(
    { ...onCpu, phb: count, pageShift: count, windowShift: count },
    ({ vcpu: cpu, phb, pageShift, windowShift }, context) =>
      rtas('ibm,create-pe-dma-window', cpu, [...addressOf(phb), pageShift, windowShift], 4, context),
  ),
  'ibm,remove-pe-dma-window': verb({ ...onCpu, liobn: u64 }, ({ vcpu: cpu, liobn }, context) =>
    rtas('ibm,remove-pe-dma-window', cpu, [low32(liobn)], 1, context),
  ),
  'ibm,reset-pe-dma-window': verb({ ...onCpu, phb: count }, ({ vcpu: cpu, phb }, context) =>
    rtas('ibm,reset-pe-dma-window', cpu, addressOf(phb), 1, context),
  ),
  /** The guest gives a slot up, which ends an unplug, or takes it. */
  'set-indicator': verb(
    { ...onCpu, device: text, isolation: oneOf('ISOLATED', 'UNISOLATED') },
    ({ vcpu: cpu, device, isolation }, context) => {
      const index = connectorOf(device, context);
      const args = [INDICATORS.ISOLATION_STATE, index, ISOLATION_STATES[isolation]];
      return rtas('set-indicator', cpu, args, 1, context);
    },
  ),
  /** The guest reads the description of what a slot holds, and takes it into use. */
  'ibm,configure-connector': verb({ ...onCpu, device: text }, ({ vcpu: cpu, device }, context) =>
    rtas('ibm,configure-connector', cpu, [connectorOf(device, context), 0], 1, context),
  ),
  quiesce: verb(onCpu, ({ vcpu: cpu }, context) => rtas('quiesce', cpu, [], 1, context)),
} as const;
