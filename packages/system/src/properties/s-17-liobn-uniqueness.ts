import type { QemuState } from '@spapr-dma/qemu-spapr';
import { always, hex, qemusOf } from './property.js';

function twice({ tables }: QemuState): string | null {
  const liobns = tables.map(({ liobn }) => liobn);
  const double = liobns.find((liobn, at) => liobns.indexOf(liobn) !== at);
  return double === undefined ? null : `Two tables are named LIOBN ${hex(double)}.`;
}

export const liobnUniqueness = always('S-17', 'A LIOBN names one table.', 'there are two tables', (state) => {
  const qemus = qemusOf(state);
  return {
    violation: qemus.map(({ qemu }) => twice(qemu)).find((text) => text !== null) ?? null,
    reached: qemus.some(({ qemu }) => qemu.tables.length > 1),
  };
});
