import type { QemuState } from '@spapr-dma/qemu-spapr';
import { always, hex, qemusOf } from './property.js';

function undisciplined(qemu: QemuState): string | null {
  for (const table of qemu.tables) {
    if (table.skippingReplay && qemu.creating === null) {
      return `LIOBN ${hex(table.liobn)} skips replays though no create is under way.`;
    }
    if (table.owner.kind !== 'phb' || table.mode !== 'enabled') continue;
    const { index } = table.owner;
    const notifiers = qemu.phbs.find(({ properties }) => properties.index === index)?.notifiers ?? 0;
    if (table.needVfio && notifiers === 0) {
      return `LIOBN ${hex(table.liobn)} is marked as listened to, but nobody listens to PHB ${index}.`;
    }
    if (!table.needVfio && notifiers > 0) {
      return `${notifiers} listen to PHB ${index}, but LIOBN ${hex(table.liobn)} tells nobody.`;
    }
  }
  return null;
}

export const flagDiscipline = always(
  'S-16',
  'Replays are skipped only inside a create, and a table tells of its changes exactly where somebody listens.',
  'somebody listens to a window',
  (state) => {
    const qemus = qemusOf(state);
    return {
      violation: qemus.map(({ qemu }) => undisciplined(qemu)).find((text) => text !== null) ?? null,
      reached: qemus.some(({ qemu }) => qemu.tables.some(({ needVfio }) => needVfio)),
    };
  },
);
