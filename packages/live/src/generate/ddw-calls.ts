import { high32, low32 } from '@spapr-dma/protocol';
import { buidOf, type Phb } from '@spapr-dma/qemu-spapr';
import type { RtasMade, RtasOp } from '@spapr-dma/trace';
import type { Random } from './random.js';
import type { Scene } from './scene.js';
import { Choices, type Steering } from './steering.js';
import { unusedIndex } from './targets.js';
import { WindowShapes } from './window-shapes.js';

export const rtas = (op: RtasOp, args: readonly number[], nret: number): RtasMade => ({
  kind: 'rtas',
  op,
  args,
  nret,
});

const buidCells = (buid: bigint): readonly [number, number] => [high32(buid), low32(buid)];

/** A well-formed create. */
export const createCall = ({ buid }: Phb, pageShift: number, windowShift: number): RtasMade =>
  rtas('ibm,create-pe-dma-window', [0, ...buidCells(buid), pageShift, windowShift], 4);

/** A well-formed remove. */
export const removeCall = (liobn: number): RtasMade => rtas('ibm,remove-pe-dma-window', [liobn], 1);

/** A well-formed reset. */
export const resetCall = ({ buid }: Phb, address: number): RtasMade =>
  rtas('ibm,reset-pe-dma-window', [address, ...buidCells(buid)], 1);

const CELLS_MAX = 12;

/** Makes the calls for dynamic windows, with right and wrong arguments. */
export class DdwCalls {
  readonly #random: Random;
  readonly #phbs: Choices<Scene, { readonly phb: Phb | undefined; readonly buid: readonly [number, number] }>;
  readonly #liobns: Choices<Scene, number>;
  readonly #addresses: Choices<null, number>;
  readonly #argCounts: Choices<readonly number[], readonly number[]>;
  readonly #retCounts: Choices<number, number>;
  readonly #shapes: WindowShapes;

  constructor(random: Random, steering: Steering, entriesShiftMax: number) {
    this.#random = random;
    this.#shapes = new WindowShapes(steering, entriesShiftMax);
    const withDdw = ({ phbs }: Scene) => phbs.filter(({ properties }) => properties.ddw);
    const withoutDdw = ({ phbs }: Scene) => phbs.filter(({ properties }) => !properties.ddw);
    const of = (phb: Phb) => ({ phb, buid: buidCells(phb.buid) });
    this.#phbs = new Choices(steering, 'BUID', [
      {
        name: 'PHB with dynamic windows',
        weight: 200,
        fits: (scene) => withDdw(scene).length > 0,
        make: (source, scene) => of(source.pick(withDdw(scene))),
      },
      {
        name: 'PHB without dynamic windows',
        weight: 8,
        fits: (scene) => withoutDdw(scene).length > 0,
        make: (source, scene) => of(source.pick(withoutDdw(scene))),
      },
      {
        name: 'PHB that is not there',
        weight: 6,
        make: (source, scene) => ({
          phb: scene.phbs[0],
          buid: buidCells(buidOf(unusedIndex(source, scene))),
        }),
      },
      {
        name: 'only the low half of a PHB',
        weight: 4,
        make: (source, { phbs }) => {
          const phb = source.pick(phbs);
          return { phb, buid: [source.pick([0, 1, 0x8000_0000]), low32(phb.buid)] };
        },
      },
      {
        name: 'only the high half of a PHB',
        weight: 4,
        make: (source, { phbs }) => {
          const phb = source.pick(phbs);
          return { phb, buid: [high32(phb.buid), source.pick([0, phb.properties.index, 0xffff_ffff])] };
        },
      },
      {
        name: '64 random bits',
        weight: 2,
        make: (source, { phbs }) => ({ phb: phbs[0], buid: [source.bits(), source.bits()] }),
      },
    ]);
    this.#liobns = new Choices<Scene, number>(steering, 'LIOBN to remove', [
      {
        name: 'window',
        weight: 80,
        fits: ({ phbWindows }) => phbWindows.length > 0,
        make: (source, { phbWindows }) => Number(source.pick(phbWindows).liobn),
      },
      {
        name: 'slot without a window',
        weight: 10,
        fits: ({ disabled }) => disabled.length > 0,
        make: (source, { disabled }) => Number(source.pick(disabled).liobn),
      },
      {
        name: 'stuck slot',
        weight: 4,
        fits: ({ stuck }) => stuck.length > 0,
        make: (source, { stuck }) => Number(source.pick(stuck).liobn),
      },
      {
        name: 'VIO device',
        weight: 6,
        fits: ({ vioWindows }) => vioWindows.length > 0,
        make: (source, { vioWindows }) => Number(source.pick(vioWindows).liobn),
      },
      {
        name: 'PHB that is not there',
        weight: 4,
        make: (source, scene) => 0x8000_0000 + (unusedIndex(source, scene) << 8) + source.below(2),
      },
      { name: '32 random bits', weight: 2, make: (source) => source.bits() },
    ]);
    this.#addresses = new Choices<null, number>(steering, 'config address', [
      { name: '0', weight: 10, make: () => 0 },
      { name: 'device', weight: 4, make: (source) => source.below(32) << 11 },
      { name: '32 random bits', weight: 2, make: (source) => source.bits() },
    ]);
    this.#argCounts = new Choices<readonly number[], readonly number[]>(steering, 'nargs', [
      { name: 'right', weight: 100, make: (_, args) => args },
      { name: 'one less', weight: 3, make: (_, args) => args.slice(0, -1) },
      { name: 'one more', weight: 3, make: (source, args) => [...args, source.below(3)] },
      { name: 'none', weight: 1, make: () => [] },
    ]);
    this.#retCounts = new Choices<number, number>(steering, 'nret', [
      { name: 'right', weight: 100, make: (_, nret) => nret },
      { name: 'one less', weight: 3, make: (_, nret) => nret - 1 },
      { name: 'one more', weight: 3, make: (_, nret) => nret + 1 },
      { name: 'many', weight: 1, make: () => CELLS_MAX },
    ]);
  }

  query(scene: Scene): RtasMade {
    const { buid } = this.#phbs.make(this.#random, scene);
    return this.made('ibm,query-pe-dma-window', [this.#address(), ...buid], this.#random.pick([5, 6]));
  }

  create(scene: Scene): RtasMade {
    const { phb, buid } = this.#phbs.make(this.#random, scene);
    const shape =
      phb === undefined ? { pageShift: 12, windowShift: 30 } : this.#shapes.make(this.#random, phb);
    const args = [this.#address(), ...buid, shape.pageShift, shape.windowShift];
    return this.made('ibm,create-pe-dma-window', args, 4);
  }

  remove(scene: Scene): RtasMade {
    return this.made('ibm,remove-pe-dma-window', [this.#liobns.make(this.#random, scene)], 1);
  }

  reset(scene: Scene): RtasMade {
    const { buid } = this.#phbs.make(this.#random, scene);
    return this.made('ibm,reset-pe-dma-window', [this.#address(), ...buid], 1);
  }

  /** A call with these arguments, or with too few or too many. */
  made(op: RtasOp, args: readonly number[], nret: number): RtasMade {
    return rtas(op, this.#argCounts.make(this.#random, args), this.#retCounts.make(this.#random, nret));
  }

  #address(): number {
    return this.#addresses.make(this.#random, null);
  }
}
