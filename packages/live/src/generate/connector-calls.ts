import { ALLOCATION_STATES, DR_ENTITY_SENSE, INDICATORS, ISOLATION_STATES } from '@spapr-dma/protocol';
import { pciDrcIndex, phbDrcIndex } from '@spapr-dma/qemu-spapr';
import type { RtasMade } from '@spapr-dma/trace';
import { type DdwCalls, rtas } from './ddw-calls.js';
import type { Random } from './random.js';
import type { Scene } from './scene.js';
import { Choices, type Steering } from './steering.js';
import { unusedIndex } from './targets.js';

/** Indexes that no kind of connector has. */
const NO_CONNECTORS = [0, 0x2000_001f, 0x4fff_0000, 0x6000_0001, 0xffff_ffff] as const;

const isolation = (index: number, state: number): RtasMade =>
  rtas('set-indicator', [INDICATORS.ISOLATION_STATE, index, state], 1);
const allocation = (index: number, state: number): RtasMade =>
  rtas('set-indicator', [INDICATORS.ALLOCATION_STATE, index, state], 1);
const configure = (index: number): RtasMade => rtas('ibm,configure-connector', [index, 0], 1);

/** What a guest does with a device that came. */
export const taking = (index: number, isLogical: boolean): readonly RtasMade[] => [
  ...(isLogical ? [allocation(index, ALLOCATION_STATES.USABLE)] : []),
  isolation(index, ISOLATION_STATES.UNISOLATED),
  configure(index),
];

/** What a guest does with a device that is asked back; the last call lets it go. */
export const giving = (index: number, isLogical: boolean): readonly RtasMade[] => [
  isolation(index, ISOLATION_STATES.ISOLATED),
  ...(isLogical ? [allocation(index, ALLOCATION_STATES.UNUSABLE)] : []),
];

/** Makes the calls by which a guest takes devices and gives them back, in any order. */
export class ConnectorCalls {
  readonly #random: Random;
  readonly #calls: DdwCalls;
  readonly #indexes: Choices<Scene, number>;
  readonly #indicators: Choices<null, number>;
  readonly #states: Choices<null, number>;
  readonly #sensors: Choices<null, number>;

  constructor(random: Random, steering: Steering, calls: DdwCalls) {
    this.#random = random;
    this.#calls = calls;
    const slots = ({ phbs }: Scene) => phbs.flatMap((phb) => phb.slots);
    this.#indexes = new Choices<Scene, number>(steering, 'connector', [
      {
        name: 'PHB',
        weight: 8,
        fits: ({ phbs }) => phbs.length > 0,
        make: (source, { phbs }) => source.pick(phbs).drc.index,
      },
      {
        name: 'PCI device',
        weight: 8,
        fits: (scene) => slots(scene).length > 0,
        make: (source, scene) => source.pick(slots(scene)).drc.index,
      },
      {
        name: 'empty PCI slot',
        weight: 3,
        fits: ({ phbs }) => phbs.length > 0,
        make: (source, { phbs }) => pciDrcIndex(source.pick(phbs).properties.index, 0xf8),
      },
      {
        name: 'PHB that is not there',
        weight: 3,
        make: (source, scene) => phbDrcIndex(unusedIndex(source, scene)),
      },
      {
        name: 'PCI slot of a PHB that is not there',
        weight: 2,
        make: (source, scene) => pciDrcIndex(unusedIndex(source, scene), 0),
      },
      { name: 'none', weight: 2, make: (source) => source.pick(NO_CONNECTORS) },
    ]);
    this.#indicators = new Choices<null, number>(steering, 'indicator', [
      { name: 'isolation', weight: 10, make: () => INDICATORS.ISOLATION_STATE },
      { name: 'allocation', weight: 8, make: () => INDICATORS.ALLOCATION_STATE },
      { name: 'lamp', weight: 4, make: () => INDICATORS.DR },
      { name: 'unknown', weight: 2, make: (source) => source.pick([0, 9000, 9004, source.bits()]) },
    ]);
    this.#states = new Choices<null, number>(steering, 'indicator state', [
      { name: '0', weight: 6, make: () => 0 },
      { name: '1', weight: 10, make: () => 1 },
      { name: '2 or 3', weight: 3, make: (source) => source.between(2, 3) },
      { name: 'unknown', weight: 2, make: (source) => source.pick([4, 0xffff_ffff, source.bits()]) },
    ]);
    this.#sensors = new Choices<null, number>(steering, 'sensor', [
      { name: 'connector', weight: 10, make: () => DR_ENTITY_SENSE },
      { name: 'unknown', weight: 2, make: (source) => source.pick([0, 9001, 9004]) },
    ]);
  }

  setIndicator(scene: Scene): RtasMade {
    const index = this.#indexes.make(this.#random, scene);
    const indicator = this.#indicators.make(this.#random, null);
    const state = this.#states.make(this.#random, null);
    return this.#calls.made('set-indicator', [indicator, index, state], 1);
  }

  getSensorState(scene: Scene): RtasMade {
    const index = this.#indexes.make(this.#random, scene);
    return this.#calls.made('get-sensor-state', [this.#sensors.make(this.#random, null), index], 2);
  }

  configureConnector(scene: Scene): RtasMade {
    return this.#calls.made('ibm,configure-connector', [this.#indexes.make(this.#random, scene), 0], 1);
  }
}
