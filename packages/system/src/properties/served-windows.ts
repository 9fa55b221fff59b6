import type { IommuTable } from '@spapr-dma/powernv-ioda2';
import type { EnabledTable, QemuState } from '@spapr-dma/qemu-spapr';
import type { TceTable } from '@spapr-dma/tce-table';
import type { Container, VfioHost } from '@spapr-dma/vfio-host';
import type { SystemState } from '../choices.js';
import { isQemuGone, kvmIn, powernvIn, vfioIn } from './host-state.js';
import { guestsQemu, lockHolder } from './property.js';

/** A window of the guest, and a hardware table through which devices of its PHB go. */
export interface ServedWindow {
  readonly table: EnabledTable;
  readonly view: TceTable;
  /** QEMU's descriptor of the container that the hardware table belongs to. */
  readonly containerFd: number;
  /** Null where the container has no hardware window at that place. */
  readonly iommuTable: IommuTable | null;
}

/** The guest view of a window: KVM's while its file is open there, else QEMU's own. */
export function viewOf(state: SystemState, table: EnabledTable): TceTable {
  if (table.fd < 0) return table.view;
  const stt = kvmIn(state)?.tables.find(({ fd }) => fd === table.fd);
  return stt?.view ?? table.view;
}

/** The container behind a descriptor of QEMU. */
export function containerBehind(vfio: VfioHost, fd: number): Container | undefined {
  const process = vfio.processes.find((each) => each.process === 'qemu');
  const file = process?.fds.find((open) => open.fd === fd)?.file;
  return file?.kind === 'container'
    ? vfio.containers.find(({ container }) => container === file.container)
    : undefined;
}

/** The hardware window of a container that starts where a window of the guest does. */
function hardwareOf(state: SystemState, container: Container | undefined, start: bigint): IommuTable | null {
  const window = container?.iommu?.windows.find(
    (each) => each !== null && each.facts.offset << BigInt(each.facts.pageShift) === start,
  );
  if (window == null) return null;
  const tables = powernvIn(state)?.tables ?? [];
  return tables.find(({ table, mode }) => mode === 'live' && table === window.facts.table) ?? null;
}

/**
 * Windows of a PHB, each once for each container that serves the PHB and is connected.
 * @param connecting also for a container that is just being connected
 */
export function servedWindows(state: SystemState, connecting = false): readonly ServedWindow[] {
  const qemu: QemuState | undefined = guestsQemu(state);
  const vfio = vfioIn(state);
  if (qemu === undefined || vfio === undefined || qemu.vfio.containers.length === 0) return [];
  // A guest that has gone with QEMU expects nothing any more.
  if (isQemuGone(state)) return [];
  return qemu.vfio.containers.flatMap(({ fd, phb, initialized }) => {
    if (!initialized && !connecting) return [];
    const container = containerBehind(vfio, fd);
    return qemu.tables.flatMap((table): readonly ServedWindow[] =>
      table.mode === 'enabled' && table.owner.kind === 'phb' && table.owner.index === phb
        ? [
            {
              table,
              view: viewOf(state, table),
              containerFd: fd,
              iommuTable: hardwareOf(state, container, table.region.start),
            },
          ]
        : [],
    );
  });
}

/** Functions of QEMU under which a window or a container goes: what is in its hardware table does not matter any more. */
const GOING: readonly string[] = [
  'vfio_instance_finalize',
  'vfio_put_group',
  'vfio_listener_release',
  'vfio_disconnect_container',
  'vfio_listener_region_del',
  'spapr_tce_table_disable',
];

/**
 * The windows that serve devices while calls are under way: those of a container that is being connected too, for
 * its hardware works from the moment it is there; none while QEMU takes some away.
 */
export function servingWindows(state: SystemState): readonly ServedWindow[] {
  const isGoing = lockHolder(guestsQemu(state)).some((fn) => GOING.includes(fn));
  return isGoing ? [] : servedWindows(state, true);
}
