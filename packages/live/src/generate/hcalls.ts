import type { HcallMade } from '@spapr-dma/trace';
import { iobaChoices, pagesLeft } from './ioba-choices.js';
import { Lists } from './lists.js';
import { listCounts, type Room, stuffCounts } from './page-counts.js';
import type { Random } from './random.js';
import { Recent } from './recent.js';
import type { Place, Scene } from './scene.js';
import type { GuestPlaces } from './specified.js';
import { Choices, type Steering } from './steering.js';
import { type Target, targetChoices } from './targets.js';
import { type Memory, TcePool, tceChoices } from './tces.js';

const REGISTER = 0xffff_ffff_ffff_ffffn;
const NO_LIST: readonly bigint[] = [];

/** Entries that fills may write for each call that was made, on average, and at most at once. */
const ENTRIES_PER_CALL = 24;
const ENTRIES_MAX = 2 ** 18;
/** Share of writes of many entries that are read back at once, and of reads that go where something was written. */
const ECHO_SHARE = 0.4;
const RECENT_SHARE = 0.6;

const put = (op: HcallMade['op'], args: readonly bigint[], list = NO_LIST): HcallMade => ({
  kind: 'hcall',
  op,
  args,
  list,
});

/** Makes hypercalls. */
export class Hcalls {
  readonly recent = new Recent();
  readonly #random: Random;
  readonly #memory: Memory;
  readonly #ops: Choices<Scene, HcallMade>;
  readonly #targets: Choices<Scene, Target>;
  readonly #iobas: Choices<Place, bigint>;
  readonly #tces: Choices<Memory, bigint>;
  readonly #stuffCounts: Choices<Room, bigint>;
  readonly #listCounts: Choices<Room, bigint>;
  readonly #lists: Lists;
  /** Reads that look what the last write left behind. */
  readonly #echo: HcallMade[] = [];
  #allowed = ENTRIES_MAX;

  constructor(random: Random, steering: Steering, memory: Memory, places: GuestPlaces) {
    this.#random = random;
    this.#memory = memory;
    this.#targets = targetChoices(steering);
    this.#iobas = iobaChoices(steering, 'IOBA');
    this.#tces = tceChoices(steering);
    this.#stuffCounts = stuffCounts(steering);
    this.#listCounts = listCounts(steering);
    this.#ops = new Choices<Scene, HcallMade>(steering, 'hypercall', [
      { name: 'H_PUT_TCE', weight: 30, make: (_, scene) => this.#putTce(scene) },
      { name: 'H_GET_TCE', weight: 28, make: (_, scene) => this.#getTce(scene) },
      { name: 'H_STUFF_TCE', weight: 20, make: (_, scene) => this.#stuffTce(scene) },
      { name: 'H_PUT_TCE_INDIRECT', weight: 22, make: (_, scene) => this.#putTceIndirect(scene) },
    ]);
    this.#lists = new Lists(steering, places, new TcePool(random, this.#tces, memory));
  }

  next(scene: Scene): HcallMade {
    this.#allowed = Math.min(this.#allowed + ENTRIES_PER_CALL, ENTRIES_MAX);
    return this.#echo.pop() ?? this.#ops.make(this.#random, scene);
  }

  /** The windows may be others now. */
  forgetEcho(): void {
    this.#echo.length = 0;
  }

  /** Another machine: what was written before says nothing. */
  forget(): void {
    this.forgetEcho();
    this.recent.clear();
  }

  /** A TCE that a device can use, or not. */
  tce(): bigint {
    return this.#tces.make(this.#random, this.#memory);
  }

  #putTce(scene: Scene): HcallMade {
    const { liobn, place } = this.#targets.make(this.#random, scene);
    const ioba = this.#iobas.make(this.#random, place);
    this.recent.add({ liobn, phb: place.phb, ioba });
    return put('H_PUT_TCE', [liobn, ioba, this.tce()]);
  }

  #getTce(scene: Scene): HcallMade {
    if (!this.recent.isEmpty && this.#random.chance(RECENT_SHARE)) {
      const { liobn, phb, ioba } = this.recent.pick(this.#random);
      const { overlapping } = scene;
      const other = overlapping.find((place) => place.phb === phb && place.liobn !== liobn);
      return put('H_GET_TCE', [other !== undefined && this.#random.chance(0.25) ? other.liobn : liobn, ioba]);
    }
    const { liobn, place } = this.#targets.make(this.#random, scene);
    return put('H_GET_TCE', [liobn, this.#iobas.make(this.#random, place)]);
  }

  #stuffTce(scene: Scene): HcallMade {
    const random = this.#random;
    const { liobn, place } = this.#targets.make(random, scene);
    const ioba = this.#iobas.make(random, place);
    const left = pagesLeft(place, ioba);
    const npages = this.#stuffCounts.make(random, { pages: place.pages, left, allowed: this.#allowed });
    if (npages <= BigInt(place.pages)) this.#allowed -= Math.min(Number(npages), left);
    this.#wrote(liobn, place, ioba, npages, left);
    return put('H_STUFF_TCE', [liobn, ioba, random.chance(0.4) ? 0n : this.tce(), npages]);
  }

  #putTceIndirect(scene: Scene): HcallMade {
    const random = this.#random;
    const { liobn, place } = this.#targets.make(random, scene);
    const ioba = this.#iobas.make(random, place);
    const left = pagesLeft(place, ioba);
    const npages = this.#listCounts.make(random, { pages: place.pages, left, allowed: this.#allowed });
    const { address, list } = this.#lists.make(random, npages, BigInt(this.#memory.end));
    this.#wrote(liobn, place, ioba, npages, left);
    return put('H_PUT_TCE_INDIRECT', [liobn, ioba, address, npages], list);
  }

  /** Remembers where a write of many entries began, ended and should have ended, and mostly reads some of it back. */
  #wrote(liobn: bigint, place: Place, ioba: bigint, npages: bigint, left: number): void {
    const random = this.#random;
    const last = npages > 0n ? npages - 1n : 0n;
    const steps = [0n, last, npages, -1n, BigInt(left) - 1n, last / 2n];
    const at = (step: bigint): bigint => (ioba + step * place.pageBytes) & REGISTER;
    this.recent.add({ liobn, phb: place.phb, ioba: at(random.pick(steps)) });
    if (!random.chance(ECHO_SHARE)) return;
    for (let reads = 1 + random.below(3); reads > 0; reads--)
      this.#echo.push(put('H_GET_TCE', [liobn, at(random.pick(steps))]));
  }
}
