import {
  bytes,
  type Effect,
  type FailNext,
  type HostDmaDone,
  type HostDmaPiece,
  type HostReturn,
  hostPageShift,
  type IommuTableFacts,
  type OpalCall,
  type TableAccessReturn,
  type TableGroupReturn,
  threadId,
} from '@spapr-dma/protocol';
import { initialTransition, type SnapshotFrom, transition } from 'xstate';
import {
  type IommuTable,
  LINUX_6_12,
  type LinuxName,
  type PhbGeneration,
  type PowernvConfig,
  type PowernvInput,
  type PowernvReceived,
  type PowernvSent,
  type PowernvState,
  powernvConfigOf,
  powernvMachine,
  tableOf,
} from '../src/index.ts';

export type Host = SnapshotFrom<typeof powernvMachine>;
export interface Stepped {
  readonly host: Host;
  readonly sent: readonly PowernvSent[];
}

export const MAIN = threadId('main');
const TO = { to: 'powernv-ioda2', thread: MAIN } as const;

type Body<Type extends PowernvReceived['type']> = Omit<
  Extract<PowernvReceived, { type: Type }>,
  'type' | 'from' | 'to' | 'thread'
>;
type Plain<T> = {
  readonly [Key in keyof T]: T[Key] extends bigint | null
    ? T[Key] | bigint
    : T[Key] extends number
      ? number
      : T[Key];
};

/** A call of VFIO, or of the environment where that is who makes it. */
export function call<Type extends PowernvReceived['type']>(
  type: Type,
  body: Plain<Body<Type>>,
): PowernvReceived {
  const host = [
    'bind-driver',
    'unbind-driver',
    'dma_map',
    'dma_unmap',
    'remove-device',
    'rescan',
    'sriov_numvfs',
    'fail-next',
    'host-device-dma',
  ].includes(type);
  return { ...TO, from: host ? 'environment' : 'vfio-host', type, ...body } as unknown as PowernvReceived;
}

export const claim = (group = 0) => call('iommu_group_claim_dma_owner', { group });
export const release = (group = 0) => call('iommu_group_release_dma_owner', { group });
export const create = (num: 0 | 1, pageShift: number, windowSize: bigint, levels: number, group = 0) =>
  call('create_table', { group, num, pageShift, windowSize, levels });
export const set = (num: 0 | 1, table: number, group = 0) => call('set_window', { group, num, table });
export const unset = (num: 0 | 1, group = 0) => call('unset_window', { group, num });
export const put = (table: number) => call('iommu_tce_table_put', { table });
export const get = (table: number) => call('iommu_tce_table_get', { table });
export const xchg = (table: number, index: number, hpa: bigint, perm = 3, count = 1) =>
  call('tce_xchg', { table, index, count, hpa, perm });
export const clear = (table: number, index: number, count = 1) => xchg(table, index, 0n, 0, count);
export const kill = (table: number, index: number, pages = 1) => call('tce_kill', { table, index, pages });
export const readSlots = (table: number, index: number, count = 1, alloc = false) =>
  call('userspace_slot_read', { table, index, count, alloc });
export const writeSlots = (table: number, index: number, ua: bigint | null, count = 1) =>
  call('userspace_slot_write', { table, index, count, ua } as never);
export const dma = (
  address: bigint,
  bytesOf = 16,
  access: 'read' | 'write' = 'read',
  device = D0,
  cache: 'hit' | 'miss' = 'hit',
) => call('host-device-dma', { device, address, bytes: bytesOf, access, cache });
export const bind = (dmaMask = 0xffff_ffffn, device = D0) => call('bind-driver', { device, dmaMask });
export const unbind = (device = D0) => call('unbind-driver', { device });
export const map = (hpa: bigint, length = 0x1000n, device = D0) =>
  call('dma_map', { device, hpa, bytes: length });
export const unmap = (address: bigint, length = 0x1000n, device = D0) =>
  call('dma_unmap', { device, address, bytes: length });
export const fail = (name: FailNext['call'], code: FailNext['code'] = 'OPAL_HARDWARE') =>
  call('fail-next', { call: name, code });

/** PHB 1 with two functions on one bus, as the host of call order A; each of PHBs 2 and 3 with one. */
export const D0 = '0001:01:00.0';
export const D1 = '0001:01:00.1';
export const E0 = '0002:01:00.0';
export const F0 = '0003:01:00.0';
/** All of a 64-bit mask. */
export const MASK64 = 0xffff_ffff_ffff_ffffn;
export const BASE59 = 1n << 59n;

export interface Options {
  readonly linux?: LinuxName;
  readonly generation?: PhbGeneration;
  readonly pages?: 12 | 16;
  readonly switches?: Partial<PowernvConfig['switches']>;
  readonly features?: Partial<PowernvConfig['features']>;
  readonly config?: Partial<PowernvConfig>;
}

export const configured = ({
  linux,
  pages = 16,
  switches = {},
  features = {},
  config = {},
}: Options): PowernvConfig => {
  const base = linux === undefined ? LINUX_6_12 : powernvConfigOf(linux);
  return {
    ...base,
    hostPageShift: hostPageShift(pages),
    ...config,
    switches: { ...base.switches, ...switches },
    features: { ...base.features, ...features },
  };
};

export const input = (options: Options = {}): PowernvInput => ({
  config: configured(options),
  phbs: [
    {
      phb: 1,
      generation: options.generation ?? 'PHB4',
      devices: [{ device: D0, totalVfs: 4 }, { device: D1 }],
    },
    { phb: 2, generation: options.generation ?? 'PHB4', devices: [{ device: E0 }] },
  ],
});

/** A host that has just started, and was then sent these. */
export function started(options: Options = {}, ...messages: readonly PowernvReceived[]): Host {
  const [host] = initialTransition(powernvMachine, input(options));
  if (host.status === 'error') throw host.error;
  return after(host, ...messages);
}

/** One message in, the next condition and the messages out. */
export function send(host: Host, message: PowernvReceived): Stepped {
  const [next, actions] = transition(powernvMachine, host, message);
  if (next.status === 'error') throw next.error;
  const sent = (actions as readonly { readonly type: string; readonly params: unknown }[]).map((action) => {
    if (action.type !== 'xstate.emit') throw new Error(`${action.type} is neither assign nor emit`);
    return (action.params as { readonly event: PowernvSent }).event;
  });
  return { host: next, sent };
}

export const after = (host: Host, ...messages: readonly PowernvReceived[]): Host =>
  messages.reduce((at, message) => send(at, message).host, host);

const lastOf = <Type extends PowernvSent['type']>({ sent }: Stepped, type: Type) => {
  const found = sent.filter((message) => message.type === type);
  if (found.length !== 1) throw new Error(`${found.length} answers of type ${type}`);
  return found[0] as Extract<PowernvSent, { type: Type }>;
};

export const groupAnswer = (stepped: Stepped): TableGroupReturn['result'] =>
  (lastOf(stepped, 'table-group-return') as TableGroupReturn).result;
/** `ok`, or the code. */
export const codeOf = (stepped: Stepped): string => {
  const result = groupAnswer(stepped);
  return result.ok ? 'ok' : result.code;
};
export const accessAnswer = (stepped: Stepped): TableAccessReturn =>
  lastOf(stepped, 'table-access-return') as TableAccessReturn;
export const hostAnswer = (stepped: Stepped): HostReturn['result'] =>
  (lastOf(stepped, 'host-return') as HostReturn).result;
/** `ok`, or the errno. */
export const errnoOf = (stepped: Stepped): string => {
  const result = hostAnswer(stepped);
  return result.ok ? 'ok' : result.errno;
};
export const piecesOf = (host: Host, message: PowernvReceived): readonly HostDmaPiece[] =>
  (lastOf(send(host, message), 'host-dma-done') as HostDmaDone).pieces;
/** Where a DMA went, in a word or two. */
export const went = (host: Host, message: PowernvReceived): readonly string[] =>
  piecesOf(host, message).map(({ outcome, hpa, through, why }) =>
    outcome === 'ram' ? `${through} 0x${hpa!.toString(16)}` : `frozen: ${why}`,
  );

/** What a create answered. */
export function createdIn(stepped: Stepped): IommuTableFacts {
  const result = groupAnswer(stepped);
  if (!result.ok || result.table === null) throw new Error(`no table: ${codeOf(stepped)}`);
  return result.table;
}
/** Makes a table for a window and sets it; its identity beside the host. */
export function windowed(
  host: Host,
  num: 0 | 1,
  pageShift: number,
  windowSize: bigint,
  levels: number,
  group = 0,
): { readonly host: Host; readonly table: number } {
  const stepped = send(host, create(num, pageShift, windowSize, levels, group));
  const { table } = createdIn(stepped);
  return { host: after(stepped.host, set(num, table, group)), table };
}

export const stateOf = (host: Host): PowernvState => host.context;
export function table(host: Host, id: number): IommuTable {
  const found = tableOf(host.context, id);
  if (found === undefined) throw new Error(`there is no table ${id}`);
  return found;
}
export const baseOf = (host: Host, device = D0): number | null =>
  host.context.devices.find((each) => each.device === device)!.tableBase;

type Shown = Effect | OpalCall;
const isShown = (message: PowernvSent): message is Shown =>
  message.type === 'effect' || message.type.startsWith('opal_') || message.type === 'tce_kill_register';

/** Layers of the IOMMU core, without an effect of their own. */
const LAYERS = /^__iommu_/;

/** The functions that ran, in order, as a recording lists them. */
export const functionsOf = ({ sent }: Pick<Stepped, 'sent'>): readonly string[] =>
  sent
    .filter(isShown)
    .map((message) => (message.type === 'effect' ? message.fn : message.type))
    .filter((fn) => !LAYERS.test(fn));

const hex = (value: unknown): string =>
  value === null ? '0' : typeof value === 'string' ? value : `0x${BigInt(value as bigint).toString(16)}`;

/** One function's calls, with these of their arguments. */
export const argsOf = ({ sent }: Stepped, fn: string, ...names: readonly string[]): readonly string[] =>
  sent.flatMap((message) => {
    if (!isShown(message)) return [];
    const args = message.type === 'effect' ? message.args : (message as unknown as Record<string, unknown>);
    const name = message.type === 'effect' ? message.fn : message.type;
    return name === fn ? [names.map((each) => `${each}=${hex(args[each])}`).join(' ')] : [];
  });

export const costsOf = ({ sent }: Stepped): Readonly<Record<string, number>> => {
  const sums: Record<string, number> = {};
  for (const message of sent) {
    if (message.type === 'cost') sums[message.operation] = (sums[message.operation] ?? 0) + message.count;
  }
  return sums;
};

export { bytes };
