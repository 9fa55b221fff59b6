import type { Question } from '../src/sent.ts';
import {
  bytes,
  type HardwareRun,
  hpa,
  type IommuTableFacts,
  iommuPageShift,
  levelCount,
  type MemoryAccessReturn,
  type TableAccessReturn,
  type TableGroupReturn,
  tceCount,
  tceIndex,
  type UserspaceRun,
  ua,
  type VfioFileReturn,
} from './units.ts';

/** A registered region, and how often it is mapped; `mapped` is 0 while it is being released. */
export interface FakeRegion {
  readonly ua: bigint;
  readonly bytes: bigint;
  readonly hpa: bigint;
  readonly pageShift: number;
  /** From here on, in bytes, its memory lies elsewhere. */
  readonly seam: bigint;
  mapped: number;
}
/** A hardware table with its userspace view. Entries are what is not 0. */
export interface FakeTable {
  readonly facts: IommuTableFacts;
  readonly entries: Map<number, { hpa: bigint; perm: number }>;
  readonly slots: Map<number, bigint>;
  /** Userspace levels, of this many slots each, that are not there; reading with `alloc` brings them in. */
  readonly missing: Set<number>;
  kref: number;
  kills: [index: number, pages: number][];
}
export const SLOTS_IN_LEVEL = 4;
/** How far from the rest memory lies that comes after a seam. */
export const SEAM_GAP = 0x1000_0000n;

/** What stands in for VFIO and the powernv platform: it answers at once, and keeps no more than KVM can see. */
export class FakeHost {
  readonly regions: FakeRegion[] = [];
  readonly tables = new Map<number, FakeTable>();
  readonly groups = new Map<number, readonly [number | null, number | null] | null>();
  readonly files = new Map<number, { file: 'container' | 'group' | 'device'; group: number | null }>();
  lockedPages = 0;
  limitPages = Number.MAX_SAFE_INTEGER;
  /** Hardware entries that cannot be exchanged, and levels of slots that cannot be allocated once. */
  readonly xchgFails = new Set<number>();
  readonly allocFails = new Set<number>();
  /** Regions, by number, that are too small-paged for `ua_to_hpa`, or refuse to be counted up. */
  readonly untranslatable = new Set<number>();
  readonly released = new Set<number>();
  /** Tables that are being freed. */
  readonly freed = new Set<number>();
  /** Who asked what, in order. */
  readonly asked: string[] = [];

  region(at: bigint, size: bigint, physical: bigint, pageShift = 16, seam = size): number {
    this.regions.push({ ua: at, bytes: size, hpa: physical, pageShift, seam, mapped: 1 });
    return this.regions.length - 1;
  }
  table(id: number, pageShift: number, offset: bigint, size: number): FakeTable {
    const facts: IommuTableFacts = {
      table: id,
      pageShift: iommuPageShift(pageShift),
      offset,
      size: tceCount(size),
      levels: levelCount(1),
      allocatedBytes: bytes(0n),
    };
    const table = {
      facts,
      entries: new Map(),
      slots: new Map(),
      missing: new Set<number>(),
      kref: 1,
      kills: [],
    };
    this.tables.set(id, table);
    return table;
  }

  answer(question: Question) {
    this.asked.push(question.type);
    const { thread } = question;
    const envelope = { to: 'kvm', thread } as const;
    switch (question.type) {
      case 'vfio_file': {
        const found = this.files.get(question.fd) ?? { file: null, group: null };
        return {
          ...envelope,
          type: 'vfio-file-return',
          from: 'vfio-host',
          ...found,
        } satisfies VfioFileReturn;
      }
      case 'account_locked_vm':
      case 'mm_iommu_lookup':
      case 'ua_to_hpa':
      case 'mapped_inc':
      case 'mapped_dec':
        return {
          ...envelope,
          type: 'memory-access-return',
          from: 'vfio-host',
          call: question.type,
          ...this.memory(question),
        } satisfies MemoryAccessReturn;
      case 'table_group_read':
      case 'iommu_tce_table_get':
      case 'iommu_tce_table_put':
        return {
          ...envelope,
          type: 'table-group-return',
          from: 'powernv-ioda2',
          call: question.type,
          result: this.group(question),
        } satisfies TableGroupReturn;
      default:
        return {
          ...envelope,
          type: 'table-access-return',
          from: 'powernv-ioda2',
          call: question.type,
          ...this.access(question),
        } satisfies TableAccessReturn;
    }
  }

  private memory(
    question: Question,
  ): Pick<MemoryAccessReturn, 'ok' | 'region' | 'count' | 'pageShift' | 'hpa'> {
    const nothing = { ok: true, region: null, count: 0, pageShift: null, hpa: null };
    switch (question.type) {
      case 'account_locked_vm': {
        const after = this.lockedPages + (question.inc ? question.pages : -question.pages);
        if (question.inc && after > this.limitPages) return { ...nothing, ok: false };
        this.lockedPages = after;
        return nothing;
      }
      case 'mm_iommu_lookup': {
        const page = 1n << BigInt(question.pageShift);
        const found = this.regions.findIndex(
          (one) => question.ua >= one.ua && question.ua + page <= one.ua + one.bytes,
        );
        if (found < 0) return { ...nothing, ok: false };
        const { ua: start, bytes: size, pageShift } = this.regions[found]!;
        const count = Math.min(question.count, Number((start + size - question.ua) / page));
        return { ...nothing, region: found, count, pageShift };
      }
      case 'ua_to_hpa': {
        const one = this.regions[question.region]!;
        const ok = one.pageShift >= question.pageShift && !this.untranslatable.has(question.region);
        const page = 1n << BigInt(question.pageShift);
        const at = question.ua - one.ua;
        const isBeyond = at >= one.seam;
        const count = Number(((isBeyond ? one.bytes : one.seam) - at) / page);
        const physical = hpa(one.hpa + at + (isBeyond ? SEAM_GAP : 0n));
        return ok ? { ...nothing, count, region: question.region, hpa: physical } : { ...nothing, ok };
      }
      case 'mapped_inc':
      case 'mapped_dec': {
        const one = this.regions[question.region]!;
        if (question.type === 'mapped_inc' && this.released.has(question.region))
          return { ...nothing, ok: false };
        one.mapped += question.type === 'mapped_inc' ? question.count : -question.count;
        return nothing;
      }
      default:
        throw new Error(question.type);
    }
  }

  private group(question: Question): TableGroupReturn['result'] {
    const ok = { ok: true, table: null, bytes: null, facts: null } as const;
    switch (question.type) {
      case 'table_group_read': {
        const ids = this.groups.get(question.group);
        if (ids === undefined || ids === null) return ok;
        const factsOf = (id: number | null) => (id === null ? null : this.tables.get(id)!.facts);
        const [first, second] = ids;
        const facts = {
          group: question.group,
          dma32Start: 0n as never,
          dma32Size: bytes(0x8000_0000n),
          pgsizes: 0x11000n,
          maxDynamicWindows: 2,
          maxLevels: levelCount(5),
          ops: 'pnv_pci_ioda2_ops',
          tables: [factsOf(first), factsOf(second)] as const,
        };
        return { ...ok, facts };
      }
      case 'iommu_tce_table_get':
        if (this.freed.has(question.table)) return { ok: false, code: 'ENOENT' };
        this.tables.get(question.table)!.kref += 1;
        return ok;
      case 'iommu_tce_table_put':
        this.tables.get(question.table)!.kref -= 1;
        return ok;
      default:
        throw new Error(question.type);
    }
  }

  private access(question: Question): Pick<TableAccessReturn, 'done' | 'ok' | 'old' | 'slots'> {
    const all = { done: tceCount(0), ok: true, old: [], slots: [] };
    switch (question.type) {
      case 'tce_xchg': {
        const table = this.tables.get(question.table)!;
        const old: HardwareRun[] = [];
        for (let i = 0; i < question.count; i += 1) {
          const index = question.index + i;
          if (this.xchgFails.has(index)) return { ...all, ok: false, done: tceCount(i), old };
          const was = table.entries.get(index);
          const run = old.at(-1);
          const page = BigInt(table.facts.pageShift);
          if (was !== undefined) {
            const follows =
              run !== undefined &&
              run.perm === was.perm &&
              run.index + run.count === index &&
              run.hpa + (BigInt(run.count) << page) === was.hpa;
            if (follows) old[old.length - 1] = { ...run, count: tceCount(run.count + 1) };
            else old.push({ index: tceIndex(index), count: tceCount(1), hpa: hpa(was.hpa), perm: was.perm });
          }
          const at = question.hpa === 0n ? 0n : question.hpa + (BigInt(i) << BigInt(table.facts.pageShift));
          if (at === 0n && question.perm === 0) table.entries.delete(index);
          else table.entries.set(index, { hpa: at, perm: question.perm });
        }
        return { ...all, old };
      }
      case 'userspace_slot_read': {
        const table = this.tables.get(question.table)!;
        const slots: UserspaceRun[] = [];
        for (let i = 0; i < question.count; i += 1) {
          const index = question.index + i;
          const level = Math.floor(index / SLOTS_IN_LEVEL);
          if (table.missing.has(level)) {
            if (!question.alloc || this.allocFails.delete(level))
              return { ...all, ok: false, done: tceCount(i), slots };
            table.missing.delete(level);
          }
          const slot = table.slots.get(index);
          if (slot === undefined) continue;
          const run = slots.at(-1);
          const page = BigInt(table.facts.pageShift);
          const follows =
            run !== undefined &&
            run.index + run.count === index &&
            run.ua + (BigInt(run.count) << page) === slot;
          if (follows) slots[slots.length - 1] = { ...run, count: tceCount(run.count + 1) };
          else slots.push({ index: tceIndex(index), count: tceCount(1), ua: ua(slot) });
        }
        return { ...all, done: tceCount(question.count), slots };
      }
      case 'userspace_slot_write': {
        const table = this.tables.get(question.table)!;
        for (let i = 0; i < question.count; i += 1) {
          if (question.ua === null) table.slots.delete(question.index + i);
          else
            table.slots.set(question.index + i, question.ua + (BigInt(i) << BigInt(table.facts.pageShift)));
        }
        return all;
      }
      case 'tce_kill':
        this.tables.get(question.table)!.kills.push([question.index, question.pages]);
        return all;
      default:
        throw new Error(question.type);
    }
  }

  /** What is left of a run, as plain data. */
  state(): unknown {
    const hex = (value: bigint) => `0x${value.toString(16)}`;
    return {
      regions: this.regions.map(({ mapped }) => mapped),
      locked: this.lockedPages,
      tables: [...this.tables].map(([id, { entries, slots, kref, missing }]) => ({
        id,
        kref,
        missing: [...missing].sort(),
        entries: [...entries].sort(([a], [b]) => a - b).map(([i, e]) => `${i}: ${hex(e.hpa)}|${e.perm}`),
        slots: [...slots].sort(([a], [b]) => a - b).map(([i, slot]) => `${i}: ${hex(slot)}`),
      })),
    };
  }
}
