import {
  bytes,
  type Errno,
  gpa,
  ioba,
  type KvmCall,
  type KvmReturn,
  type Liobn,
  levelCount,
  type TceIndex,
  tceCount,
  tceIndex,
  tce as tceValue,
  type VfioCall,
  type VfioPciDevice,
  type VfioReturn,
  type ViewAccess,
  type ViewReturn,
  type ViewRun,
} from '@spapr-dma/protocol';
import { type TceTable, tceHighAt, tceLowAt, tceTable, withTce } from '@spapr-dma/tce-table';
import type { QemuReceived } from '../src/calls.js';
import { completed, KVM_CAPS_ALL, QEMU_7_2, type QemuConfig } from '../src/config.js';
import type { Frame } from '../src/frames.js';
import { QEMU_FUNCTIONS } from '../src/qemu-functions.js';
import type { QemuSent } from '../src/sent.js';
import { type EnabledTable, type QemuState, tableOf, withTable } from '../src/state.js';
import type { Next, Resumption, Step, StepFunction } from '../src/steps.js';
import { regionOf } from '../src/tce-index.js';
import { VFIO_FUNCTIONS } from '../src/vfio-functions.js';
import { NO_VFIO } from '../src/vfio-state.js';
import { pciLiobn } from '../src/window-slots.js';
import { type Qemu, type Stepped, send, step } from './machine.ts';

const DDW_START = 1n << 59n;

type Result = VfioReturn['result'];
type Answer = Errno | number | undefined;

/** A host with just enough sense to be connected to: descriptors, two window slots, and refusals on demand. */
export class FakeHost {
  readonly log: string[] = [];
  readonly views = new Map<Liobn, TceTable>();
  /** What is answered instead of success; asked before anything happens. */
  refuse: (call: VfioCall | KvmCall) => Answer = () => undefined;
  /** A vCPU's turn: before each access to a view and each system call is answered. */
  meanwhile: (call: VfioCall | KvmCall | ViewAccess) => void = () => {};
  /** IOMMU types that the host has. */
  types: readonly number[] = [7, 2];
  /** Windows of the container's hardware. */
  windows: bigint[] = [];
  /** Places windows where they are wanted, as the hardware of a second container does. */
  createsAnywhere = false;
  held = false;
  /** System calls that QEMU counts among its costs. */
  ioctls = 0;
  readonly #open = new Map<number, string>();
  #defaultPending = true;
  #kvmFd = 1000;

  answer(call: VfioCall | KvmCall | ViewAccess): VfioReturn | KvmReturn | ViewReturn {
    this.log.push(textOf(call));
    this.meanwhile(call);
    if (call.type === 'view_load' || call.type === 'view_bulk_load' || call.type === 'view_store')
      return this.#view(call);
    const answer = this.refuse(call);
    if (call.to === 'kvm') return this.#kvm(call as KvmCall, answer);
    const result: Result =
      typeof answer === 'string' ? { ok: false, errno: answer } : this.#vfio(call as VfioCall, answer);
    return {
      type: 'vfio-return',
      from: 'vfio-host',
      to: 'qemu-spapr',
      thread: call.thread,
      call: call.type as VfioCall['type'],
      result,
    };
  }

  #vfio(call: VfioCall, answer: number | undefined): Result {
    const ok = (value: number, startAddr: bigint | null = null, info: object | null = null): Result =>
      ({ ok: true, value, startAddr, info }) as Result;
    if (answer !== undefined) return ok(answer);
    switch (call.type) {
      case 'open':
      case 'VFIO_GROUP_GET_DEVICE_FD': {
        let fd = 3;
        while (this.#open.has(fd)) fd++;
        this.#open.set(fd, call.type === 'open' ? call.path : call.device);
        return ok(fd);
      }
      case 'close':
        if (this.#open.get(call.fd) === '/dev/vfio/vfio') this.windows = [];
        this.#open.delete(call.fd);
        return ok(0);
      case 'VFIO_GROUP_GET_STATUS':
        return ok(1);
      case 'VFIO_CHECK_EXTENSION':
        return ok(this.types.includes(call.extension) ? 1 : 0);
      case 'VFIO_SET_IOMMU':
        this.#defaultPending = true;
        return ok(0);
      case 'VFIO_IOMMU_SPAPR_TCE_GET_INFO':
        return ok(0, null, {
          flags: 1,
          dma32WindowStart: ioba(0n),
          dma32WindowSize: bytes(0x8000_0000n),
          ddw: { pgsizes: 0x121_1000n, maxDynamicWindows: 2, levels: levelCount(5) },
        });
      case 'VFIO_IOMMU_SPAPR_TCE_CREATE': {
        const first = this.createsAnywhere ? call.pageShift === 12 : !this.windows.includes(0n);
        const start = first ? 0n : DDW_START;
        this.windows.push(start);
        return ok(0, start);
      }
      case 'VFIO_IOMMU_SPAPR_TCE_REMOVE':
        if (this.#defaultPending) {
          this.#defaultPending = false;
          return ok(0);
        }
        if (!this.windows.includes(call.startAddr)) return { ok: false, errno: 'EINVAL' };
        this.windows = this.windows.filter((start) => start !== call.startAddr);
        return ok(0);
      default:
        return ok(0);
    }
  }

  #kvm(call: KvmCall, answer: Answer): KvmReturn {
    const common = {
      type: 'kvm-return',
      from: 'kvm',
      to: 'qemu-spapr',
      thread: call.thread,
      call: call.type,
    } as const;
    if (typeof answer === 'string') return { ...common, result: { ok: false, errno: answer } };
    if (call.type === 'pause_all_vcpus') this.held = true;
    if (call.type === 'resume_all_vcpus') this.held = false;
    const makes = call.type === 'KVM_CREATE_DEVICE' || call.type === 'KVM_CREATE_SPAPR_TCE_64';
    return { ...common, result: { ok: true, value: makes ? this.#kvmFd++ : 0 } };
  }

  viewOf(liobn: Liobn): TceTable {
    return this.views.get(liobn) ?? tceTable(tceCount(2 ** 31));
  }
  put(liobn: Liobn, index: number, tce: bigint): void {
    this.views.set(liobn, withTce(this.viewOf(liobn), tceIndex(index), tceValue(tce)));
  }
  at(liobn: Liobn, index: number): bigint {
    const view = this.viewOf(liobn);
    const at = tceIndex(index);
    return (BigInt(tceHighAt(view, at)) << 32n) | BigInt(tceLowAt(view, at));
  }

  #view(call: ViewAccess): ViewReturn {
    const common = {
      type: 'view-return',
      from: 'kvm',
      to: 'qemu-spapr',
      thread: call.thread,
      call: call.type,
      faults: 0,
    } as const;
    if (call.type === 'view_load') return { ...common, tce: this.at(call.liobn, call.index), runs: [] };
    if (call.type === 'view_store') return { ...common, tce: null, runs: [] };
    const runs: ViewRun[] = [];
    for (let index = 0; index < 64; index++) {
      const tce = this.at(call.liobn, index);
      if (tce !== 0n) runs.push({ index: index as TceIndex, count: 1, tce, stride: 0n });
    }
    return { ...common, tce: null, runs };
  }
}

const hex = (value: unknown): unknown => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value);

/** Fields that tell nothing in a log. */
const SILENT = ['type', 'from', 'to', 'thread', 'process', 'argsz', 'readable', 'flags', 'event'];

/** A message, or a line of a log, as one line: its name and its arguments. */
function textOf(message: object & { readonly type?: string; readonly event?: string }): string {
  const flags = message.type === 'VFIO_IOMMU_MAP_DMA' ? [] : ['flags'];
  const fields = Object.entries(message)
    .filter(([name]) => !SILENT.includes(name) || (name === 'flags' && flags.length === 0))
    .map(([name, value]) => `${name}=${hex(value)}`);
  return [message.event ?? message.type, ...fields].join(' ');
}

/** What QEMU says for itself: its log with `Q`, its complaints with `!`, costs of a replay, its end. */
function said(message: QemuSent): string | undefined {
  switch (message.type) {
    case 'vfio-trace':
    case 'trace':
      return `Q ${textOf(message.line)}`;
    case 'error-report':
      return `! ${message.text}`;
    case 'qemu-aborted':
      return `abort ${message.assertion}`;
    case 'rtas-return':
    case 'hcall-return':
      return `answer ${message.call} ${message.status}`;
    case 'monitor-return':
      return message.ok ? undefined : `! ${message.error}`;
    case 'cost':
      return message.operation === 'replay' ? `replay of ${message.count}` : undefined;
    default:
      return undefined;
  }
}

const FUNCTIONS = { ...QEMU_FUNCTIONS, ...VFIO_FUNCTIONS };

function call(thread: string, next: Next): VfioCall | KvmCall | ViewAccess | undefined {
  const from = { from: 'qemu-spapr', thread } as const;
  if (next.do === 'vfio')
    return { ...next.request, ...from, to: 'vfio-host', process: 'qemu' } as unknown as VfioCall;
  if (next.do === 'kvm' || next.do === 'view')
    return { ...next.request, ...from, to: 'kvm' } as unknown as KvmCall;
  return undefined;
}

/**
 * Gives a message to the machine and answers its calls until nobody holds the big lock. Returns the machine; the
 * host's log has all that was said and called.
 */
export function drive(machine: Qemu, message: QemuReceived, host: FakeHost): Qemu {
  let at = machine;
  let next: QemuReceived | undefined = message;
  while (next !== undefined) {
    if (!at.can(next)) throw new Error(`${JSON.stringify(at.value)} does not take ${next.type}`);
    const { qemu, sent }: Stepped = send(at, next);
    at = qemu;
    next = undefined;
    for (const each of sent) {
      const line = said(each);
      if (line !== undefined) host.log.push(line);
      if (each.type === 'cost' && each.operation === 'ioctl') host.ioctls += each.count;
      if (each.to === 'kvm' || each.to === 'vfio-host')
        next = host.answer(each as VfioCall | KvmCall | ViewAccess);
    }
    const { task } = at.context;
    if (task?.mode === 'waiting' && task.awaits === 'step') next = step(task.thread);
  }
  return at;
}

/** Runs a function of QEMU to its end against a host. Returns the machine, and all that was said and called. */
export function play(
  start: QemuState,
  frame: Frame | null,
  host: FakeHost,
): { qemu: QemuState; log: string[] } {
  const from = host.log.length;
  let qemu = start;
  let stack: readonly Frame[] = frame === null ? [] : [frame];
  let resumed: Resumption = { type: 'begin' };
  while (stack.length > 0) {
    const inner = stack.at(-1) as Frame;
    const step: Step = (FUNCTIONS[inner.fn] as StepFunction<Frame>)(qemu, inner, resumed);
    qemu = step.qemu;
    for (const line of step.sent.map(said)) if (line !== undefined) host.log.push(line);
    const { next } = step;
    const asked = call('main', next);
    stack = stack.slice(0, -1);
    resumed = { type: 'begin' };
    if ('frame' in next) stack = [...stack, next.frame];
    if (asked !== undefined) resumed = host.answer(asked);
    if (next.do === 'call') stack = [...stack, next.callee];
    if (next.do === 'return') {
      resumed = { type: 'returned', value: next.value };
      if (stack.length === 0 && next.value !== null) {
        host.log.push(`returned ${typeof next.value === 'string' ? `'${next.value}'` : next.value}`);
      }
    }
    if (next.do === 'abort') {
      host.log.push(`abort ${next.why}`);
      stack = [];
    }
  }
  return { qemu, log: host.log.slice(from) };
}

export const L0 = pciLiobn(0, 0);
export const L1 = pciLiobn(0, 1);

/** A machine with one PHB and no window; `switches` differ from qemu-7.2's. */
export function machineWith(
  switches: Partial<QemuConfig['switches']> = {},
  config: Partial<QemuConfig> = {},
  ramBytes = 0x2000_0000n,
): QemuState {
  const slot = (number: 0 | 1) => ({
    mode: 'disabled' as const,
    liobn: pciLiobn(0, number),
    owner: { kind: 'phb' as const, index: 0, slot: number },
    defWin: false,
    bypass: false,
    needVfio: false,
    skippingReplay: false,
  });
  const kvm = { kvm: KVM_CAPS_ALL, ...config };
  return {
    config: completed({ ...QEMU_7_2, ...kvm, switches: { ...QEMU_7_2.switches, ...switches } }),
    ram: [{ gpa: gpa(0n), bytes: bytes(ramBytes) }],
    tables: [slot(0), slot(1)],
    phbs: [],
    vios: [],
    devices: [],
    task: null,
    vfio: NO_VFIO,
  } as unknown as QemuState;
}

/** The machine with a window, as it stands before anybody hears of it. */
export function withWindow(
  qemu: QemuState,
  liobn: Liobn,
  {
    pageShift,
    busOffset,
    entries,
    fd,
  }: { pageShift: number; busOffset: bigint; entries: number; fd: number },
  put: readonly (readonly [number, bigint])[] = [],
): QemuState {
  const before = tableOf(qemu, BigInt(liobn));
  if (before === undefined) throw new Error('no such slot');
  const geometry = { pageShift, busOffset, nbTable: tceCount(entries) };
  const view = put.reduce(
    (table, [index, tce]) => withTce(table, tceIndex(index), tceValue(tce)),
    tceTable(tceCount(entries)),
  );
  const table: EnabledTable = {
    ...before,
    ...geometry,
    mode: 'enabled',
    region: regionOf(geometry),
    view,
    fd,
  };
  return withTable(qemu, table);
}

/** The two windows of a Linux guest: 4K pages from 0, and 16M pages from 2^59. */
export const DEFAULT_WINDOW = { pageShift: 12, busOffset: 0n, entries: 0x4_0000, fd: 1000 };
export const DYNAMIC_WINDOW = { pageShift: 24, busOffset: DDW_START, entries: 0x80, fd: 1001 };

export const device = (group: number, fn = 0): VfioPciDevice => ({
  driver: 'vfio-pci',
  id: `v${group}${fn === 0 ? '' : `.${fn}`}`,
  phb: 0,
  devfn: group * 8 + fn,
  host: `000${group}:01:00.${fn}`,
  group,
});
