import type { PhbDevice } from '@spapr-dma/protocol';
import type { QemuMachine } from '@spapr-dma/trace';
import { PhbPropertyChoices } from './phb-properties.js';
import type { Random } from './random.js';
import { Steering } from './steering.js';

/** What machines there are to choose from. */
export interface PlanOptions {
  /** Version of QEMU. */
  readonly qemu: string;
  /** Machine versions that it has; the last one is the newest. */
  readonly machines: readonly NonNullable<QemuMachine['machine']>[];
  readonly ramMb: number;
  /** What the machine's file names as its seed. */
  readonly seed: number | null;
}

const PHBS_MAX = 5;
/** Share of machines that are as QEMU makes them when nobody asks for anything, and of the newest version. */
const PLAIN_SHARE = 0.15;
const NEWEST_SHARE = 0.5;
/** The one PHB whose slots are taken in the other order. */
const OTHER_ORDER = 28;
const INDEXES = [1, 2, 3, 7, 29, 30] as const;
const VIOS = [
  { driver: 'spapr-vscsi', reg: 0x7100_0002 },
  { driver: 'spapr-vlan', reg: 0x7100_0003 },
] as const;

/** Plans machines, one after the other: what was seldom planned comes sooner. */
export class MachinePlanner {
  readonly #random: Random;
  readonly #options: PlanOptions;
  readonly #properties: PhbPropertyChoices;
  readonly #steering = new Steering(true);

  constructor(random: Random, options: PlanOptions) {
    this.#random = random;
    this.#options = options;
    this.#properties = new PhbPropertyChoices(this.#steering, 'PHB');
  }

  next(): QemuMachine {
    const random = this.#random;
    const { qemu, machines, ramMb, seed } = this.#options;
    const newest = machines.at(-1) ?? null;
    const machine = machines.length === 0 || random.chance(NEWEST_SHARE) ? newest : random.pick(machines);
    if (random.chance(PLAIN_SHARE)) return { qemu, machine, seed, phbs: [phb(0)], vios: [], ramMb };
    this.#steering.begin();
    return { qemu, machine, seed, phbs: this.#phbs(), vios: VIOS.filter(() => random.chance(0.6)), ramMb };
  }

  #phbs(): readonly PhbDevice[] {
    const random = this.#random;
    const indexes = [0];
    const wanted = 1 + random.below(PHBS_MAX);
    if (wanted > 1 && random.chance(0.4)) indexes.push(OTHER_ORDER);
    while (indexes.length < wanted) {
      const index = random.chance(0.6) ? random.pick(INDEXES) : 1 + random.below(30);
      if (!indexes.includes(index)) indexes.push(index);
    }
    return indexes.map((index) => this.#properties.make(random, index));
  }
}

const phb = (index: number): PhbDevice => ({ driver: 'spapr-pci-host-bridge', index });
