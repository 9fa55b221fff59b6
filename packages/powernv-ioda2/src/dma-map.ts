import {
  type Bytes,
  bytes,
  type Errno,
  type HostDmaMap,
  type HostDmaUnmap,
  type Hpa,
  type Ioba,
  type IommuTableId,
  ioba,
  type TceCount,
  type TceIndex,
} from '@spapr-dma/protocol';
import { forEachRun, withFill } from '@spapr-dma/tce-table';
import { BYPASS_BASE } from './config.js';
import type { Running } from './sent.js';
import {
  type AllocationMap,
  deviceOf,
  groupOf,
  type HostDevice,
  type IommuTable,
  peOfDevice,
  tableOf,
  withAccident,
  withIommuTable,
} from './state.js';
import { tceInvalidate } from './tce-invalidate.js';
import { exchange } from './tce-xchg.js';

/** What the DMA API answers; `freedTable` where it worked on a table that had been freed. */
export type HostDmaResult =
  | { readonly ok: true; readonly address: Ioba | null; readonly freedTable?: IommuTableId }
  | { readonly ok: false; readonly errno: Errno };

/** A device that no driver told otherwise reaches 4 GiB. */
const MASK_WITHOUT_DRIVER = 0xffff_ffffn;
const ALLOW_ALL = 3;
/** Small ranges begin at multiples of this, so that they do not share what is invalidated at once. */
const BLOCK = 16;
const LARGE_FROM = 15;

/** The IOMMU pages that a piece of memory touches. */
const pagesOf = (start: bigint, length: Bytes, { pageShift }: IommuTable): TceCount => {
  const shift = BigInt(pageShift);
  return Number(((start + length - 1n) >> shift) - (start >> shift) + 1n) as TceCount;
};

/** The first range of free entries at or after `from`, up to `limit`; undefined if there is none. */
function freeFrom(map: AllocationMap, from: number, limit: number, count: number): TceIndex | undefined {
  let at = from;
  let found: number | undefined;
  forEachRun(
    map.taken,
    (first, length) => {
      if (found === undefined && first >= at + count) found = at;
      at = Math.max(at, first + length);
    },
    from as TceIndex,
    Math.max(0, limit - from) as TceCount,
  );
  found ??= at + count <= limit ? at : undefined;
  return found as TceIndex | undefined;
}

/**
 * Where a range of entries is free: behind the last one handed out, else from the start. `undefined` if the map
 * or the device's mask has no room.
 *
 * Abstraction: one pool for all CPUs, where the kernel keeps four and a large one.
 * @see [Linux] arch/powerpc/kernel/iommu.c: iommu_range_alloc
 */
export function freeRange(
  table: Pick<IommuTable, 'offset' | 'size' | 'pageShift'>,
  map: AllocationMap,
  count: TceCount,
  dmaMask: bigint,
): TceIndex | undefined {
  const last = (dmaMask >> BigInt(table.pageShift)) - table.offset;
  const limit = last + 1n < BigInt(table.size) ? Math.max(0, Number(last + 1n)) : table.size;
  const hint = map.hint < limit ? map.hint : 0;
  return freeFrom(map, hint, limit, count) ?? freeFrom(map, 0, limit, count);
}

/** The device's table, live or freed, and the notes of what that means. */
function baseOf(running: Running, device: HostDevice): IommuTable | undefined {
  const table = tableOf(running.powernv, device.tableBase);
  if (table === undefined) return undefined;
  if (table.mode !== 'live') running.powernv = withAccident(running.powernv, 'useAfterFree');
  const pe = peOfDevice(running.powernv, device)!;
  if (groupOf(running.powernv, pe.group)!.owner === 'vfio') {
    running.powernv = withAccident(running.powernv, 'hostDmaWhileOwned');
  }
  return table;
}

const doneOn = (table: IommuTable, address: Ioba | null): HostDmaResult =>
  table.mode === 'live' ? { ok: true, address } : { ok: true, address, freedTable: table.table };

/**
 * Maps memory of the host for a device of the host: by the bypass window, or by entries of the device's table
 * base. While the base is NULL nothing is mapped (B-11). A base that names a freed table is used all the same:
 * map and entries go to memory that the hardware no longer looks at (B-10).
 * @returns `ENODEV` without the device, `EINVAL` for no bytes, `ENOMEM` for a mapping error
 * @see [Linux] arch/powerpc/kernel/dma-iommu.c: dma_iommu_map_page
 * @see [Linux] arch/powerpc/kernel/iommu.c: iommu_alloc
 */
export function dmaMap(running: Running, { device: id, hpa, bytes: length }: HostDmaMap): HostDmaResult {
  const device = deviceOf(running.powernv, id);
  if (device === undefined) return { ok: false, errno: 'ENODEV' };
  if (length <= 0n) return { ok: false, errno: 'EINVAL' };
  if (device.driver?.bypass === true) return { ok: true, address: ioba(hpa + device.dmaOffset) };
  const table = baseOf(running, device);
  if (table === undefined || table.map === null) return { ok: false, errno: 'ENOMEM' };
  const count = pagesOf(hpa, length, table);
  const index = freeRange(table, table.map, count, device.driver?.dmaMask ?? MASK_WITHOUT_DRIVER);
  if (index === undefined) return { ok: false, errno: 'ENOMEM' };
  const page = (hpa >> BigInt(table.pageShift)) << BigInt(table.pageShift);
  const { done } = exchange(running, table.table, { index, count, hpa: page as Hpa, perm: ALLOW_ALL });
  if (done < count) {
    exchange(running, table.table, { index, count: done, hpa: 0n as Hpa, perm: 0 });
    return { ok: false, errno: 'ENOMEM' };
  }
  const after = tableOf(running.powernv, table.table)!;
  running.powernv = withIommuTable(running.powernv, { ...after, map: taken(table.map, index, count) });
  if (running.powernv.config.features.killSplit) tceInvalidate(running, after, index, count);
  const address = ((table.offset + BigInt(index)) << BigInt(table.pageShift)) + (hpa - page);
  return doneOn(table, ioba(address));
}

function taken(map: AllocationMap, index: TceIndex, count: TceCount): AllocationMap {
  const end = index + count;
  const hint = count > LARGE_FROM ? end : Math.ceil(end / BLOCK) * BLOCK;
  return { ...map, taken: withFill(map.taken, index, count, 1n as never), hint: hint as TceIndex };
}

/**
 * Takes a mapping of the host's DMA API away. A range that is not one of the table is logged and left.
 * @returns `ENODEV` without the device, `EINVAL` for a range that the table has not
 * @see [Linux] arch/powerpc/kernel/iommu.c: iommu_free, iommu_free_check
 */
export function dmaUnmap(
  running: Running,
  { device: id, address, bytes: length }: HostDmaUnmap,
): HostDmaResult {
  const device = deviceOf(running.powernv, id);
  if (device === undefined) return { ok: false, errno: 'ENODEV' };
  if (length <= 0n) return { ok: false, errno: 'EINVAL' };
  if (device.driver?.bypass === true && address >= BYPASS_BASE) return { ok: true, address: null };
  const table = baseOf(running, device);
  if (table === undefined || table.map === null) return { ok: false, errno: 'EINVAL' };
  const count = pagesOf(address, bytes(length), table);
  const first = (BigInt(address) >> BigInt(table.pageShift)) - table.offset;
  if (first < 0n || first + BigInt(count) > BigInt(table.size)) return { ok: false, errno: 'EINVAL' };
  const index = Number(first) as TceIndex;
  exchange(running, table.table, { index, count, hpa: 0n as Hpa, perm: 0 });
  const after = tableOf(running.powernv, table.table)!;
  const map = { ...table.map, taken: withFill(table.map.taken, index, count, 0n as never) };
  running.powernv = withIommuTable(running.powernv, { ...after, map });
  if (running.powernv.config.features.killSplit) tceInvalidate(running, after, index, count);
  return doneOn(table, null);
}
