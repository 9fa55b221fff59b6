import type { QemuState } from '@spapr-dma/qemu-spapr';
import type { SystemState } from '../choices.js';
import { kvmIn } from './host-state.js';
import { always, hex, qemusOf } from './property.js';

const doubleOf = (liobns: readonly number[]): number | undefined =>
  liobns.find((liobn, at) => liobns.indexOf(liobn) !== at);

function twice({ tables }: QemuState): string | null {
  const double = doubleOf(tables.map(({ liobn }) => liobn));
  return double === undefined ? null : `Two tables are named LIOBN ${hex(double)}.`;
}

const presentIn = (state: SystemState) => kvmIn(state)?.tables.filter(({ mode }) => mode === 'PRESENT') ?? [];

function twiceInKvm(state: SystemState): string | null {
  const present = presentIn(state);
  const double = doubleOf(present.map(({ liobn }) => liobn));
  return double === undefined ? null : `KVM has two views that are named LIOBN ${hex(double)}.`;
}

export const liobnUniqueness = always(
  'S-17',
  'A LIOBN names one table.',
  'there are two tables',
  ['qemu-spapr', 'kvm'],
  (state) => {
    const qemus = qemusOf(state);
    return {
      violation: qemus.map(({ qemu }) => twice(qemu)).find((text) => text !== null) ?? twiceInKvm(state),
      reached: qemus.some(({ qemu }) => qemu.tables.length > 1) || presentIn(state).length > 1,
    };
  },
);
