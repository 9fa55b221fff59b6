import { type HostDevice, type IommuGroup, liveTableOf, type PowernvState } from '@spapr-dma/powernv-ioda2';
import { mappedCount } from '@spapr-dma/tce-table';
import type { VfioHost } from '@spapr-dma/vfio-host';
import type { SystemState } from '../choices.js';

/** A hardware window that a group's PE has. */
export interface HardwareWindow {
  readonly num: 0 | 1;
  /** First bus address, bytes. */
  readonly start: bigint;
  readonly pageShift: number;
  readonly levels: number;
  readonly entries: number;
  readonly mapped: number;
  readonly references: number;
}

/** What the host is left with of one IOMMU group. */
export interface GroupAtEnd {
  readonly group: number;
  readonly owner: 'platform' | 'vfio';
  readonly bypass: boolean;
  /** Where the table bases of its devices point: `none` is NULL, `stale` any table but the group's first. */
  readonly base: 'own' | 'none' | 'stale' | 'mixed';
  readonly windows: readonly HardwareWindow[];
}

/** What the host is left with. */
export interface HostAtEnd {
  /** locked_vm of QEMU, whether it lives or not. */
  readonly lockedKb: number;
  /** What stays charged or pinned of processes that have gone. */
  readonly leakedRegions: number;
  /** Tables that neither a group nor a container has, and that were not freed. */
  readonly orphanTables: number;
  readonly groups: readonly GroupAtEnd[];
}

function baseOf(group: IommuGroup, devices: readonly HostDevice[]): GroupAtEnd['base'] {
  const kinds = new Set(
    devices.map(({ tableBase }) =>
      tableBase === null ? 'none' : tableBase === group.tables[0] ? 'own' : 'stale',
    ),
  );
  const [only = 'none'] = kinds;
  return kinds.size > 1 ? 'mixed' : only;
}

function groupAtEnd(powernv: PowernvState, group: IommuGroup): GroupAtEnd {
  const windows = group.tables.flatMap((id, num) => {
    const table = liveTableOf(powernv, id);
    if (table === undefined) return [];
    const { offset, pageShift, levels, size, hardware, kref } = table;
    const start = offset << BigInt(pageShift);
    const mapped = mappedCount(hardware);
    return [{ num: num as 0 | 1, start, pageShift, levels, entries: size, mapped, references: kref }];
  });
  const devices = powernv.devices.filter(({ device }) => group.devices.includes(device));
  const pe = powernv.pes.find((each) => each.group === group.group);
  return {
    group: group.group,
    owner: group.owner,
    bypass: pe?.tves[1].mode === 'BYPASS',
    base: baseOf(group, devices),
    windows,
  };
}

/** What the host is left with; null where a system has no host in it. */
export function hostAtEnd({ snapshots, routes }: SystemState): HostAtEnd | null {
  const contextOf = (name: string | undefined): unknown =>
    name === undefined ? undefined : snapshots[name]?.context;
  const vfio = contextOf(routes['vfio-host']) as VfioHost | undefined;
  const powernv = contextOf(routes['powernv-ioda2']) as PowernvState | undefined;
  if (vfio === undefined || powernv === undefined) return null;
  const { hostPageShift } = powernv.config;
  const used = new Set([
    ...powernv.groups.flatMap(({ tables }) => tables),
    ...vfio.containers.flatMap(({ iommu }) => iommu?.windows.map((window) => window?.facts.table) ?? []),
  ]);
  const locked = vfio.mms
    .filter(({ process }) => process === 'qemu')
    .reduce((pages, { lockedPages }) => pages + lockedPages, 0);
  return {
    lockedKb: locked * 2 ** (hostPageShift - 10),
    leakedRegions: vfio.mms
      .filter(({ mode }) => mode === 'leaked')
      .reduce((regions, mm) => regions + mm.regions.length, 0),
    orphanTables: powernv.tables.filter(({ mode, table }) => mode === 'live' && !used.has(table)).length,
    groups: powernv.groups.map((group) => groupAtEnd(powernv, group)),
  };
}
