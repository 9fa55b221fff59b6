import { type Bytes, bytes, type Errno, type IommuTableId, type TceCount } from '@spapr-dma/protocol';
import {
  allocatedBytes,
  allocatedTableCount,
  type LevelRequest,
  type LevelShape,
  levelShape,
  tceTable,
} from '@spapr-dma/tce-table';
import { BYPASS_BASE } from './config.js';
import { failureOf } from './fail-next.js';
import { getTableSize } from './get-table-size.js';
import { iommuTceTablePut } from './iommu-tce-table-put.js';
import { costs, type Running, ran } from './sent.js';
import { type IommuGroup, type IommuTable, isNamed, tableOf, withIommuTable } from './state.js';
import { fullTree, levelsAtFirst } from './table-levels.js';

/** Where the windows of a PE start: the number of the window says it, nothing else does. */
export const windowStartOf = (num: 0 | 1): bigint => (num === 0 ? 0n : BYPASS_BASE);

/** The lowest identity that no table has and nothing names. */
function nextTable({ powernv }: Running): IommuTableId {
  let id = 1;
  while (tableOf(powernv, id) !== undefined || isNamed(powernv, id)) id += 1;
  return id;
}

/** A descriptor with no memory yet. */
const descriptor = (table: IommuTableId): IommuTable => ({
  table,
  mode: 'live',
  kref: 1,
  pageShift: 0 as never,
  offset: 0n,
  size: 0 as TceCount,
  levels: 1 as never,
  levelSize: 0 as TceCount,
  allocatedBytes: bytes(0n),
  groups: [],
  hardware: tceTable(0 as TceCount),
  hardwareLevels: { shape: NO_SHAPE, below: [] },
  userspace: null,
  map: null,
  stray: [],
});
const NO_SHAPE: LevelShape = { levels: 1 as never, levelShift: 0, entries: 0 as TceCount, tables: [1] };

export interface TableRequest extends Omit<LevelRequest, 'hostPageShift'> {
  readonly num: 0 | 1;
  /** Whether it gets a userspace view, as tables of VFIO do. */
  readonly userspace: boolean;
}

/**
 * Makes a table and its top level; the levels below come with the entries. The window's number alone says where
 * it starts. `ENOMEM` where the top level is a larger block than the kernel has.
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_pci_ioda2_create_table
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda-tce.c: pnv_pci_ioda2_table_alloc_pages
 */
export function createTable(running: Running, request: TableRequest): IommuTable | Errno {
  const { config } = running.powernv;
  const { num, pageShift, windowBytes, levels, userspace } = request;
  const table = nextTable(running);
  ran(running, 'pnv_pci_table_alloc');
  ran(running, 'pnv_pci_ioda2_table_alloc_pages', {
    busoff: windowStartOf(num),
    shift: pageShift,
    size: windowBytes,
    levels,
    uspace: userspace ? 1 : 0,
    tbl: table,
  });
  const failure = failureOf(running, 'create_table');
  const shape = failure === 'OPAL_SUCCESS' ? levelShape({ ...request, ...config }) : 'ENOMEM';
  running.powernv = withIommuTable(running.powernv, descriptor(table));
  if (typeof shape === 'string') {
    iommuTceTablePut(running, table);
    return shape;
  }
  const tree = levelsAtFirst(shape, config.features.levels);
  const copies = userspace ? 2 : 1;
  const made: IommuTable = {
    ...descriptor(table),
    pageShift,
    offset: windowStartOf(num) >> BigInt(pageShift),
    size: shape.entries,
    levels,
    levelSize: (2 ** (shape.levelShift - 3)) as TceCount,
    allocatedBytes: bytes(0n),
    hardware: tceTable(fullTree(shape).entries),
    hardwareLevels: tree,
    userspace: userspace ? { slots: tceTable(fullTree(shape).entries), levels: tree } : null,
  };
  const pages = allocatedTableCount(tree) * copies * 2 ** (shape.levelShift - config.hostPageShift);
  costs(running, 'table-page', pages);
  return finish(running, made, request, allocatedBytes(tree));
}

/**
 * Notes how large the table is: what it will be charged, or, before linux-5.0, what was allocated for the hardware. That
 * the userspace view was left out then (11f5acce2fa4) is remembered, not executed.
 */
function finish(running: Running, made: IommuTable, request: TableRequest, allocated: Bytes): IommuTable {
  const { config } = running.powernv;
  const isCharged = config.features.allocatedSize === 'charged';
  if (request.userspace && isCharged) ran(running, 'pnv_pci_ioda2_get_table_size');
  const charged = request.userspace ? getTableSize(config, request) : bytes(0n);
  const table = { ...made, allocatedBytes: isCharged ? charged : allocated };
  running.powernv = withIommuTable(running.powernv, table);
  return table;
}

/** The table of VFIO, for a window of a group. */
export function createTableUserspace(
  running: Running,
  { group, tables: [t0, t1] }: IommuGroup,
  request: Omit<TableRequest, 'userspace'>,
): IommuTable | Errno {
  const { num, pageShift, windowBytes, levels } = request;
  ran(running, 'pnv_pci_ioda2_create_table_userspace', {
    tg: group,
    t0,
    t1,
    num,
    shift: pageShift,
    size: windowBytes,
    levels,
  });
  return createTable(running, { ...request, userspace: true });
}
