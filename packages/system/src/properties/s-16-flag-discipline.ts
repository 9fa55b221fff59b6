import type { EnabledTable, QemuState } from '@spapr-dma/qemu-spapr';
import { always, hex, lockHolder, qemusOf } from './property.js';

/** How many listen to a window: devices with caches of their own, containers, and what containers left behind. */
function listenersOf(qemu: QemuState, { liobn, owner }: EnabledTable): number {
  const phb = qemu.phbs.find(({ properties }) => owner.kind === 'phb' && properties.index === owner.index);
  const ofVfio = [...qemu.vfio.containers.flatMap(({ giommus }) => giommus), ...qemu.vfio.stale];
  return (phb?.notifiers ?? 0) + ofVfio.filter((giommu) => giommu.liobn === liobn).length;
}

/** Where a window is made that nobody has put anything into: by the guest, or before a migration's entries. */
const MAKES_EMPTY = ['rtas_ibm_create_pe_dma_window', 'spapr_tce_table_post_load'];

const isCreating = (qemu: QemuState): boolean =>
  qemu.creating !== null || lockHolder(qemu).some((fn) => MAKES_EMPTY.includes(fn));

function undisciplined(qemu: QemuState): string | null {
  for (const table of qemu.tables) {
    if (table.skippingReplay && !isCreating(qemu)) {
      return `LIOBN ${hex(table.liobn)} skips replays though no create is under way.`;
    }
    // While the lock is held a listener may just be coming or going.
    if (table.owner.kind !== 'phb' || table.mode !== 'enabled' || qemu.task !== null) continue;
    const listeners = listenersOf(qemu, table);
    const { index } = table.owner;
    if (table.needVfio && listeners === 0) {
      return `LIOBN ${hex(table.liobn)} is marked as listened to, but nobody listens to PHB ${index}.`;
    }
    if (!table.needVfio && listeners > 0) {
      return `${listeners} listen to PHB ${index}, but LIOBN ${hex(table.liobn)} tells nobody.`;
    }
  }
  return null;
}

export const flagDiscipline = always(
  'S-16',
  'Replays are skipped only inside a create, and a table tells of its changes exactly where somebody listens.',
  'somebody listens to a window',
  ['qemu-spapr'],
  (state) => {
    const qemus = qemusOf(state);
    return {
      violation: qemus.map(({ qemu }) => undisciplined(qemu)).find((text) => text !== null) ?? null,
      reached: qemus.some(({ qemu }) => qemu.tables.some(({ needVfio }) => needVfio)),
    };
  },
);
