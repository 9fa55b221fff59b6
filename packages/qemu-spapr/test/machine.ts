import {
  type Device,
  type DeviceDma,
  type DmaPiece,
  type Hcall,
  type HcallCode,
  ioba,
  type Liobn,
  type MigrationStream,
  type MonitorReturn,
  type RtasCall,
  type RtasReturn,
  threadId,
} from '@spapr-dma/protocol';
import { initialTransition, type SnapshotFrom, transition } from 'xstate';
import {
  type EnabledTable,
  initialQemu,
  pciLiobn,
  QEMU_7_2,
  type QemuConfig,
  type QemuInput,
  type QemuReceived,
  type QemuSent,
  type QemuState,
  qemuMachine,
  type SpaprTceTable,
  tableOf,
} from '../src/index.ts';

export type Qemu = SnapshotFrom<typeof qemuMachine>;
export interface Stepped {
  readonly qemu: Qemu;
  readonly sent: readonly QemuSent[];
}

const ENVIRONMENT = { from: 'environment', to: 'qemu-spapr' } as const;
export const VCPU0 = threadId('vcpu0');
const GUEST = { from: 'guest-kernel', to: 'qemu-spapr', thread: VCPU0 } as const;

type Body<M extends { type: string }> = M extends unknown ? Omit<M, 'from' | 'to' | 'thread'> : never;

/** A hypercall of vCPU 0. */
export const hcall = (call: Body<Hcall>): Hcall => ({ ...GUEST, ...call }) as Hcall;
export const put = (liobn: number | bigint, at: bigint, tce: bigint): Hcall =>
  hcall({ type: 'H_PUT_TCE', liobn: BigInt(liobn), ioba: at, tce });
export const get = (liobn: number | bigint, at: bigint): Hcall =>
  hcall({ type: 'H_GET_TCE', liobn: BigInt(liobn), ioba: at });
export const stuff = (liobn: number | bigint, at: bigint, tceValue: bigint, npages: bigint): Hcall =>
  hcall({ type: 'H_STUFF_TCE', liobn: BigInt(liobn), ioba: at, tceValue, npages });
export const LIST = 0x40_0000n;
export const indirect = (
  liobn: number | bigint,
  at: bigint,
  tces: readonly bigint[],
  { npages = BigInt(tces.length), tceList = LIST } = {},
): Hcall => hcall({ type: 'H_PUT_TCE_INDIRECT', liobn: BigInt(liobn), ioba: at, tceList, npages, tces });

/** An RTAS call of vCPU 0. */
export const rtas = (type: RtasCall['type'], args: readonly number[], nret: number): RtasCall =>
  ({ ...GUEST, type, args, nret, ...(type === 'rtas' ? { token: 0x2fff } : {}) }) as RtasCall;

/** High and low cell of a PHB's BUID. */
export const buidCells = (phb: number): readonly [number, number] => [0x0800_0000, 0x2000_0000 + phb];
export const query = (phb = 0, nret = 5): RtasCall =>
  rtas('ibm,query-pe-dma-window', [0, ...buidCells(phb)], nret);
export const create = (pageShift: number, windowShift: number, phb = 0): RtasCall =>
  rtas('ibm,create-pe-dma-window', [0, ...buidCells(phb), pageShift, windowShift], 4);
export const remove = (liobn: number): RtasCall => rtas('ibm,remove-pe-dma-window', [liobn], 1);
export const reset = (phb = 0): RtasCall => rtas('ibm,reset-pe-dma-window', [0, ...buidCells(phb)], 1);

export const systemReset: QemuReceived = { ...ENVIRONMENT, type: 'system_reset' };
export const stop: QemuReceived = { ...ENVIRONMENT, type: 'stop' };
export const cont: QemuReceived = { ...ENVIRONMENT, type: 'cont' };
export const migrate: QemuReceived = { ...ENVIRONMENT, type: 'migrate' };
export const migrateIncoming = (stream: MigrationStream): QemuReceived => ({
  ...ENVIRONMENT,
  type: 'migrate-incoming',
  stream,
});
export const deviceAdd = (device: Device): QemuReceived => ({ ...ENVIRONMENT, type: 'device_add', device });
export const devicePhbDel = (index: number): QemuReceived => ({
  ...ENVIRONMENT,
  type: 'device_del',
  target: { kind: 'phb', index },
});
export const devicePciDel = (id: string): QemuReceived => ({
  ...ENVIRONMENT,
  type: 'device_del',
  target: { kind: 'pci', id },
});
export const register = (phb = 0): QemuReceived => ({ ...ENVIRONMENT, type: 'register-iommu-notifier', phb });
export const unregister = (phb = 0): QemuReceived => ({
  ...ENVIRONMENT,
  type: 'unregister-iommu-notifier',
  phb,
});
export const step = (thread = VCPU0): QemuReceived => ({ ...ENVIRONMENT, type: 'step', thread });
export const dma = (
  access: 'read' | 'write',
  at: bigint,
  bytes: number,
  target: DeviceDma['target'] = { kind: 'phb', index: 0 },
): DeviceDma => ({
  ...ENVIRONMENT,
  thread: threadId('device0'),
  type: 'device-dma',
  target,
  ioba: ioba(at),
  bytes,
  access,
});

/** The machine before its first reset. */
export function realize(input: QemuInput = {}): Qemu {
  const [qemu] = initialTransition(qemuMachine, input);
  if (qemu.status === 'error') throw qemu.error;
  return qemu;
}

/** One message in, the next condition and the messages out. */
export function send(qemu: Qemu, message: QemuReceived): Stepped {
  const [next, actions] = transition(qemuMachine, qemu, message);
  const sent = (actions as readonly { readonly type: string; readonly params: unknown }[]).map((action) => {
    if (action.type !== 'xstate.emit') throw new Error(`${action.type} is neither assign nor emit`);
    return (action.params as { readonly event: QemuSent }).event;
  });
  return { qemu: next, sent };
}

/** The machine after these messages; each must be one that it takes. */
export const after = (qemu: Qemu, ...messages: readonly QemuReceived[]): Qemu =>
  messages.reduce((at, message) => {
    if (!at.can(message)) throw new Error(`${String(at.value)} does not take ${message.type}`);
    return send(at, message).qemu;
  }, qemu);

/** A machine after its first reset, and after these messages. */
export const running = (input: QemuInput = {}, ...messages: readonly QemuReceived[]): Qemu =>
  after(realize(input), systemReset, ...messages);

/** QEMU 7.2 with some switches set, or features changed. */
export const configured = (
  switches: Partial<QemuConfig['switches']>,
  features: Partial<QemuConfig['features']> = {},
): QemuConfig => ({
  ...QEMU_7_2,
  switches: { ...QEMU_7_2.switches, ...switches },
  features: { ...QEMU_7_2.features, ...features },
});

/** Status and r4 of a hypercall's answer. */
export function hcallAnswer({ sent }: Stepped): { readonly status: HcallCode; readonly tce: bigint | null } {
  const answers = sent.filter((message) => message.type === 'hcall-return');
  if (answers.length !== 1) throw new Error(`${answers.length} answers to one hypercall`);
  return { status: answers[0]!.status, tce: answers[0]!.tce };
}
export const statusOf = (stepped: Stepped): HcallCode => hcallAnswer(stepped).status;

/** What an RTAS call answered. */
export function rtasAnswer({ sent }: Stepped): RtasReturn {
  const answers = sent.filter((message) => message.type === 'rtas-return');
  if (answers.length !== 1) throw new Error(`${answers.length} answers to one RTAS call`);
  return answers[0]!;
}
/** The return cells as the guest sees them, the status by name. */
export const cellsOf = (stepped: Stepped): readonly (string | number)[] => {
  const { status, outputs } = rtasAnswer(stepped);
  return [status, ...outputs];
};
export function monitorAnswer({ sent }: Stepped): MonitorReturn {
  const answers = sent.filter((message) => message.type === 'monitor-return');
  if (answers.length !== 1) throw new Error(`${answers.length} answers to one command`);
  return answers[0]!;
}
export function piecesOf({ sent }: Stepped): readonly DmaPiece[] {
  const done = sent.find((message) => message.type === 'dma-done');
  if (done?.type !== 'dma-done') throw new Error('the transfer never ended');
  return done.pieces;
}

/** What an entry holds, read past the calls. */
export const tceIn = (qemu: Qemu, liobn: number, at: bigint): bigint | null =>
  hcallAnswer(send(qemu, get(liobn, at))).tce;

/** The log lines of a step, written as QEMU writes them but for host pointers. */
export const linesOf = ({ sent }: Pick<Stepped, 'sent'>): readonly string[] =>
  sent
    .filter((message) => message.type === 'trace')
    .map(({ line }) => {
      const { event, ...fields } = line;
      const texts = Object.entries(fields).map(([name, value]) =>
        typeof value === 'bigint' ? `${name}=0x${value.toString(16)}` : `${name}=${value}`,
      );
      return [event.replace(/^spapr_/, ''), ...texts].join(' ');
    });

/** Names of what was sent, in order; a log line by its event. */
export const namesOf = ({ sent }: Pick<Stepped, 'sent'>): readonly string[] =>
  sent.map((message) => (message.type === 'trace' ? message.line.event : message.type));

export const L0 = pciLiobn(0, 0);
export const L1 = pciLiobn(0, 1);
/** Where dynamic windows start: 2^59. */
export const DYNAMIC = 1n << 59n;

export const stateOf = (qemu: Qemu): QemuState => qemu.context;
export function table(qemu: Qemu, liobn: number | Liobn): SpaprTceTable {
  const found = tableOf(qemu.context, BigInt(liobn));
  if (found === undefined) throw new Error(`there is no table 0x${liobn.toString(16)}`);
  return found;
}
export function enabled(qemu: Qemu, liobn: number): EnabledTable {
  const found = table(qemu, liobn);
  if (found.mode !== 'enabled') throw new Error(`0x${liobn.toString(16)} is ${found.mode}`);
  return found;
}
/** Starts, lengths and page shifts of the windows of a PHB, by slot. */
export const windowsAt = (qemu: Qemu, phb = 0): readonly string[] =>
  [pciLiobn(phb, 0), pciLiobn(phb, 1)].flatMap((liobn) => {
    const found = tableOf(qemu.context, BigInt(liobn));
    return found?.mode === 'enabled'
      ? [`${liobn & 1} 0x${found.busOffset.toString(16)} ${found.nbTable} x 2^${found.pageShift}`]
      : [];
  });

export { initialQemu };
