import { pciLiobn } from '@spapr-dma/qemu-spapr';
import type { Random } from './random.js';
import type { Place, Scene } from './scene.js';
import { type Choice, Choices, type Steering } from './steering.js';

/** What a hypercall names: its LIOBN, and the place that its IOBA is chosen by. */
export interface Target {
  readonly liobn: bigint;
  readonly place: Place;
}

const PHB_INDEX_END = 31;
/** VIO devices of every machine, without a table. */
const WITHOUT_TABLE = [0x7100_0000n, 0x7100_0001n] as const;

const at = (place: Place): Target => ({ liobn: place.liobn, place });
const anyPlace = (random: Random, { windows, nowhere }: Scene): Place =>
  windows.length === 0 ? nowhere : random.pick(windows);
const named =
  (name: (random: Random, place: Place, scene: Scene) => bigint): Choice<Scene, Target>['make'] =>
  (random, scene) => {
    const place = anyPlace(random, scene);
    return { liobn: name(random, place, scene), place };
  };
/** One of a list of places, where there is one. */
const oneOf = (list: (scene: Scene) => readonly Place[]): Pick<Choice<Scene, Target>, 'fits' | 'make'> => ({
  fits: (scene) => list(scene).length > 0,
  make: (random, scene) => at(random.pick(list(scene))),
});

const slotOf = (random: Random, { phbs }: Scene, slot: number): bigint => {
  const index = phbs.length === 0 ? 0 : random.pick(phbs).properties.index;
  return 0x8000_0000n | (BigInt(index) << 8n) | BigInt(slot);
};

/** A PHB index that no PHB has. */
export function unusedIndex(random: Random, { phbs, dying }: Scene): number {
  const isUsed = (index: number) => [...phbs, ...dying].some(({ properties }) => properties.index === index);
  let index = random.below(PHB_INDEX_END);
  while (isUsed(index)) index = (index + 1) % PHB_INDEX_END;
  return index;
}

/** The ways to name a table. */
export const targetChoices = (steering: Steering): Choices<Scene, Target> =>
  new Choices<Scene, Target>(steering, 'LIOBN', [
    { name: 'window of a PHB', weight: 700, ...oneOf(({ phbWindows }) => phbWindows) },
    { name: 'window that overlaps another', weight: 250, ...oneOf(({ overlapping }) => overlapping) },
    { name: 'window that devices find elsewhere', weight: 150, ...oneOf(({ moved }) => moved) },
    { name: 'VIO device', weight: 60, ...oneOf(({ vioWindows }) => vioWindows) },
    { name: 'slot without a window', weight: 15, ...oneOf(({ disabled }) => disabled) },
    { name: 'stuck slot', weight: 15, ...oneOf(({ stuck }) => stuck) },
    {
      name: 'third slot of a PHB',
      weight: 5,
      make: named((random, _, scene) => slotOf(random, scene, random.pick([2, 3, 0xff]))),
    },
    {
      name: 'PHB that is not there',
      weight: 5,
      make: named(
        (random, _, scene) => BigInt(pciLiobn(unusedIndex(random, scene), 0)) | BigInt(random.below(2)),
      ),
    },
    { name: 'VIO device without a table', weight: 4, make: named((random) => random.pick(WITHOUT_TABLE)) },
    {
      name: 'bits above 31',
      weight: 6,
      make: named((random, { liobn }) => liobn | (1n << BigInt(32 + random.below(32)))),
    },
    { name: 'bit 31 clear', weight: 3, make: named((_, { liobn }) => liobn & 0x7fff_ffffn) },
    { name: '0', weight: 2, make: named(() => 0n) },
    { name: '64 random bits', weight: 3, make: named((random) => random.bits64()) },
  ]);
