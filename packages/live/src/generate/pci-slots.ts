import type { Phb, QemuState } from '@spapr-dma/qemu-spapr';
import type { Random } from './random.js';
import type { Scene } from './scene.js';
import { Choices, type Steering } from './steering.js';
import { unusedIndex } from './targets.js';

/** Where a command at the monitor looks for a PCI device, or for room for one. */
interface Where {
  readonly scene: Scene;
  readonly qemu: QemuState;
}

/** A function of a PHB's bus. */
export interface PciPlace {
  readonly phb: number;
  readonly devfn: number;
}

type Device = QemuState['devices'][number];

const SLOTS = [4, 5, 6, 31] as const;
const FUNCTIONS = 8;

const isTaken = ({ slots }: Phb, devfn: number): boolean => slots.some((slot) => slot.devfn === devfn);
const placeOf = ({ properties }: Phb, devfn: number): PciPlace => ({ phb: properties.index, devfn });

/** Functions 1 whose function 0 is not there, as places of that one. */
const halfEmpty = ({ scene: { phbs } }: Where): readonly PciPlace[] =>
  phbs.flatMap((phb) =>
    phb.slots
      .filter(({ devfn }) => devfn % FUNCTIONS === 1 && !isTaken(phb, devfn - 1))
      .map(({ devfn }) => placeOf(phb, devfn - 1)),
  );

/**
 * Functions 0 that are taken. Another function that is taken is left out: QEMU ends by a SIGSEGV or a failed assertion
 * when it is plugged again, which is no answer to compare.
 */
const taken = ({ scene: { phbs } }: Where): readonly PciPlace[] =>
  phbs.flatMap((phb) =>
    phb.slots.filter(({ devfn }) => devfn % FUNCTIONS === 0).map(({ devfn }) => placeOf(phb, devfn)),
  );

/** Functions 1 that are free. */
const free = ({ scene: { phbs } }: Where): readonly PciPlace[] =>
  phbs.flatMap((phb) =>
    SLOTS.map((slot) => slot * FUNCTIONS + 1)
      .filter((devfn) => !isTaken(phb, devfn))
      .map((devfn) => placeOf(phb, devfn)),
  );

/** Devices that are function 0 of a slot with others. */
const withOthers = ({ qemu: { devices } }: Where): readonly Device[] =>
  devices.filter(
    ({ phb, devfn }) =>
      devfn % FUNCTIONS === 0 && devices.some((other) => other.phb === phb && other.devfn === devfn + 1),
  );

/** Devices that were asked back already. */
const awaited = ({ scene: { phbs }, qemu: { devices } }: Where): readonly Device[] =>
  devices.filter(({ phb: index, devfn }) =>
    phbs.some(
      ({ properties, slots }) =>
        properties.index === index && slots.some((slot) => slot.devfn === devfn && slot.drc.unplugRequested),
    ),
  );

/** The ways to choose where a PCI device is plugged. */
export const placesToPlug = (steering: Steering): Choices<Where, PciPlace> =>
  new Choices<Where, PciPlace>(steering, 'PCI place', [
    {
      name: 'function 0',
      weight: 20,
      make: (random, { scene: { phbs } }) => placeOf(random.pick(phbs), random.pick(SLOTS) * FUNCTIONS),
    },
    {
      name: 'function 1',
      weight: 8,
      fits: (where) => free(where).length > 0,
      make: (random, where) => random.pick(free(where)),
    },
    {
      name: 'function 0 after function 1',
      weight: 30,
      fits: (where) => halfEmpty(where).length > 0,
      make: (random, where) => random.pick(halfEmpty(where)),
    },
    {
      name: 'taken',
      weight: 4,
      fits: (where) => taken(where).length > 0,
      make: (random, where) => random.pick(taken(where)),
    },
    {
      name: 'PHB that is not there',
      weight: 2,
      make: (random, { scene }) => ({
        phb: unusedIndex(random, scene),
        devfn: random.pick(SLOTS) * FUNCTIONS,
      }),
    },
  ]);

/** The ways to choose a PCI device that is asked back; undefined for one that is not there. */
export const devicesToDelete = (steering: Steering): Choices<Where, Device | undefined> =>
  new Choices<Where, Device | undefined>(steering, 'PCI device to delete', [
    {
      name: 'any',
      weight: 20,
      fits: ({ qemu: { devices } }) => devices.length > 0,
      make: (random, { qemu: { devices } }) => random.pick(devices),
    },
    {
      name: 'function 0 with others',
      weight: 30,
      fits: (where) => withOthers(where).length > 0,
      make: (random, where) => random.pick(withOthers(where)),
    },
    {
      name: 'once more',
      weight: 6,
      fits: (where) => awaited(where).length > 0,
      make: (random, where) => random.pick(awaited(where)),
    },
    { name: 'not there', weight: 3, make: (_: Random) => undefined },
  ]);
