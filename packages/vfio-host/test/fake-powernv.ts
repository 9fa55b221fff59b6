import {
  type Bytes,
  bytes,
  type Errno,
  type GroupId,
  type HardwareRun,
  type Hpa,
  hostPageShift,
  type IommuTableFacts,
  ioba,
  levelCount,
  type OpalCode,
  type TableAccess,
  type TableAccessReturn,
  type TableGroupFacts,
  type TableGroupOp,
  type TableGroupReturn,
  tceCount,
  tceIndex,
  type Ua,
  type UserspaceRun,
} from '@spapr-dma/protocol';
import { chargedBytes, levelShape } from '@spapr-dma/tce-table';

interface FakeTable {
  readonly facts: IommuTableFacts;
  kref: number;
  readonly hardware: Map<number, { hpa: bigint; perm: number }>;
  readonly slots: Map<number, bigint>;
}
export interface FakeGroup {
  owner: 'platform' | 'vfio';
  /** A driver of the host has a device of the group. */
  hostDriver: boolean;
  /** The group has no data of the platform. */
  isNoPe: boolean;
  tables: [number | null, number | null];
  facts: Omit<TableGroupFacts, 'group' | 'tables'>;
}
type Result = TableGroupReturn['result'];

const OK = { ok: true, table: null, bytes: null, facts: null } as const;

/**
 * As much of a powernv platform as VFIO can tell from a real one: groups, tables with their references, entries
 * and slots. Calls can be made to fail, by name, the next one or from the n-th on.
 */
export class FakePowernv {
  readonly groups = new Map<GroupId, FakeGroup>();
  readonly tables = new Map<number, FakeTable>();
  readonly failing: { call: string; code: Errno | OpalCode; after: number }[] = [];
  /** Levels that can still be allocated. */
  xchgsLeft = Number.POSITIVE_INFINITY;
  slotsLeft = Number.POSITIVE_INFINITY;
  readonly log: string[] = [];

  constructor(groups: readonly GroupId[], more: Partial<FakeGroup['facts']> = {}, hostShift = 16) {
    this.hostShift = hostShift;
    for (const group of groups) {
      this.groups.set(group, {
        owner: 'platform',
        hostDriver: false,
        isNoPe: false,
        tables: [null, null],
        facts: {
          dma32Start: ioba(0n),
          dma32Size: bytes(0x8000_0000n),
          pgsizes: 0x4021_1000n,
          maxDynamicWindows: 2,
          maxLevels: levelCount(5),
          ops: 'ioda2',
          ...more,
        },
      });
    }
  }
  private readonly hostShift: number;

  failNext(call: string, code: Errno | OpalCode, after = 0): void {
    this.failing.push({ call, code, after });
  }
  private fails(call: string): Result | undefined {
    const found = this.failing.find((each) => each.call === call);
    if (found === undefined) return undefined;
    if (found.after > 0) {
      found.after -= 1;
      return undefined;
    }
    this.failing.splice(this.failing.indexOf(found), 1);
    return { ok: false, code: found.code };
  }

  groupOp(message: TableGroupOp): TableGroupReturn {
    this.log.push(
      'group' in message ? `${message.type} ${message.group}` : `${message.type} ${message.table}`,
    );
    const { type: call, thread } = message;
    const result = this.fails(call) ?? this.answerGroup(message);
    return { type: 'table-group-return', from: 'powernv-ioda2', to: 'vfio-host', thread, call, result };
  }

  private answerGroup(message: TableGroupOp): Result {
    switch (message.type) {
      case 'iommu_group_claim_dma_owner':
      case 'take_ownership': {
        const group = this.groups.get(message.group)!;
        if (group.hostDriver) return { ok: false, code: 'EPERM' };
        group.owner = 'vfio';
        return OK;
      }
      case 'iommu_group_release_dma_owner':
      case 'release_ownership':
        this.groups.get(message.group)!.owner = 'platform';
        return OK;
      case 'table_group_read': {
        const group = this.groups.get(message.group);
        if (group === undefined || group.isNoPe) return OK;
        const claimed = group.hostDriver || group.owner === 'vfio';
        const facts = { ...group.facts, group: message.group, claimed, tables: [null, null] as const };
        return { ...OK, facts };
      }
      case 'get_table_size':
        return { ...OK, bytes: this.sizeOf(message) };
      case 'create_table':
        return this.created(message);
      case 'set_window': {
        this.groups.get(message.group)!.tables[message.num] = message.table;
        this.tables.get(message.table)!.kref += 1;
        return OK;
      }
      case 'unset_window': {
        const group = this.groups.get(message.group)!;
        const table = group.tables[message.num];
        group.tables[message.num] = null;
        if (table !== null) this.put(table);
        return OK;
      }
      case 'iommu_tce_table_put':
        this.put(message.table);
        return OK;
      default:
        throw new Error(`VFIO asks for ${message.type}`);
    }
  }
  private put(id: number): void {
    const table = this.tables.get(id);
    if (table === undefined) throw new Error(`table ${id} is put and is not there`);
    table.kref -= 1;
    if (table.kref === 0) this.tables.delete(id);
  }
  private request(of: { windowSize: Bytes; pageShift: never; levels: never }) {
    return {
      windowBytes: of.windowSize,
      pageShift: of.pageShift,
      levels: of.levels,
      hostPageShift: hostPageShift(this.hostShift),
    };
  }
  private sizeOf(message: Extract<TableGroupOp, { type: 'get_table_size' | 'create_table' }>): Bytes {
    return chargedBytes(this.request(message as never));
  }
  private created(message: Extract<TableGroupOp, { type: 'create_table' }>): Result {
    const shape = levelShape(this.request(message as never));
    if (typeof shape === 'string') return { ok: false, code: shape };
    let id = 1;
    while (this.tables.has(id)) id += 1;
    const facts: IommuTableFacts = {
      table: id,
      pageShift: message.pageShift,
      offset: message.num === 0 ? 0n : (1n << 59n) >> BigInt(message.pageShift),
      size: shape.entries,
      levels: shape.levels,
      allocatedBytes: this.sizeOf(message),
    };
    this.tables.set(id, { facts, kref: 1, hardware: new Map(), slots: new Map() });
    return { ...OK, table: facts };
  }

  access(message: TableAccess): TableAccessReturn {
    this.log.push(`${message.type} ${message.table}`);
    const { type: call, thread } = message;
    const reply: TableAccessReturn = {
      type: 'table-access-return',
      from: 'powernv-ioda2',
      to: 'vfio-host',
      thread,
      call,
      done: tceCount(0),
      ok: true,
      old: [],
      slots: [],
    };
    const table = this.tables.get(message.table);
    if (table === undefined) return { ...reply, ok: false };
    switch (message.type) {
      case 'tce_xchg':
        return { ...reply, ...this.exchanged(table, message) };
      case 'userspace_slot_read': {
        const done = message.alloc ? Math.min(message.count, this.slotsLeft) : message.count;
        if (message.alloc) this.slotsLeft -= done;
        return {
          ...reply,
          ok: done === message.count,
          done: tceCount(done),
          slots: slotRuns(table, message),
        };
      }
      case 'userspace_slot_write':
        for (let i = 0; i < message.count; i += 1) {
          const page = BigInt(i) << BigInt(table.facts.pageShift);
          if (message.ua === null) {
            if (table.slots.size === 0) break;
            table.slots.delete(message.index + i);
          } else table.slots.set(message.index + i, message.ua + page);
        }
        return reply;
      case 'tce_kill':
        return reply;
    }
  }
  private exchanged(table: FakeTable, message: Extract<TableAccess, { type: 'tce_xchg' }>) {
    const { index, count, perm } = message;
    const clears = perm === 0;
    const done = clears ? count : Math.min(count, this.xchgsLeft);
    if (!clears) this.xchgsLeft -= done;
    const old = runsIn(
      table.hardware,
      index,
      done,
      table.facts.pageShift,
      ({ hpa }) => hpa,
      (a, b) => a.perm === b.perm,
    ).map(
      ([at, length, entry]): HardwareRun => ({
        index: tceIndex(at),
        count: tceCount(length),
        hpa: entry.hpa as Hpa,
        perm: entry.perm,
      }),
    );
    if (clears) for (const at of keysIn(table.hardware, index, done)) table.hardware.delete(at);
    else {
      for (let i = 0; i < done; i += 1) {
        const hpa = message.hpa + (BigInt(i) << BigInt(table.facts.pageShift));
        table.hardware.set(index + i, { hpa, perm });
      }
    }
    return { ok: done === count, done: tceCount(done), old };
  }

  /** Entries in use whose slot lies in a range of userspace. */
  mappedIn(ua: bigint, size: bigint): number {
    let found = 0;
    for (const { hardware, slots } of this.tables.values()) {
      for (const [index] of hardware) {
        const slot = slots.get(index);
        if (slot !== undefined && slot >= ua && slot < ua + size) found += 1;
      }
    }
    return found;
  }
  /** All entries, as data that can be compared. */
  contents(): unknown {
    return [...this.tables.values()].map(({ facts, kref, hardware, slots }) => ({
      facts,
      kref,
      hardware: [...hardware].sort(([a], [b]) => a - b),
      slots: [...slots].sort(([a], [b]) => a - b),
    }));
  }
}

const keysIn = (map: ReadonlyMap<number, unknown>, index: number, count: number): number[] =>
  [...map.keys()].filter((at) => at >= index && at < index + count).sort((a, b) => a - b);

/** Neighbouring entries whose addresses ascend by a page, as runs. */
function runsIn<Entry>(
  map: ReadonlyMap<number, Entry>,
  index: number,
  count: number,
  pageShift: number,
  addressOf: (entry: Entry) => bigint,
  alike: (a: Entry, b: Entry) => boolean,
): [number, number, Entry][] {
  const runs: [number, number, Entry][] = [];
  for (const at of keysIn(map, index, count)) {
    const entry = map.get(at)!;
    const last = runs.at(-1);
    const goesOn =
      last !== undefined &&
      last[0] + last[1] === at &&
      alike(last[2], entry) &&
      addressOf(last[2]) + (BigInt(last[1]) << BigInt(pageShift)) === addressOf(entry);
    if (goesOn) last[1] += 1;
    else runs.push([at, 1, entry]);
  }
  return runs;
}
const slotRuns = (
  { slots, facts }: FakeTable,
  { index, count }: { readonly index: number; readonly count: number },
): UserspaceRun[] =>
  runsIn(
    slots,
    index,
    count,
    facts.pageShift,
    (ua) => ua,
    () => true,
  ).map(([at, length, ua]) => ({
    index: tceIndex(at),
    count: tceCount(length),
    ua: ua as Ua,
  }));
