import type { MonitorMade, QemuAnswer, QemuCall, QemuMachine } from '@spapr-dma/trace';
import { DmaCalls } from './dma-calls.js';
import type { Goal } from './goals.js';
import { Hcalls } from './hcalls.js';
import { MonitorCalls } from './monitor-calls.js';
import { PhbPropertyChoices } from './phb-properties.js';
import type { Random } from './random.js';
import { RtasCalls } from './rtas-calls.js';
import { type Scene, Scenery } from './scene.js';
import type { GuestPlaces, Specified } from './specified.js';
import { Steering } from './steering.js';

/** What a generator is asked for. */
export interface GeneratorOptions {
  readonly places: GuestPlaces;
  /** What somebody at the monitor may do; nothing if left out. */
  readonly monitor?: ReadonlySet<MonitorMade['op']>;
  /** Are there devices that do DMA? True if left out. */
  readonly dma?: boolean;
  /** Shares of the calls that are no hypercalls. */
  readonly shares?: Partial<Shares>;
  /** log2 of the entries of the largest window. 27 if left out, for which QEMU sets 1 GiB aside. */
  readonly entriesShiftMax?: number;
  /** What was seldom seen is chosen more often, and windows are brought to conditions seldom met. True if left out. */
  readonly steered?: boolean;
}

export interface Shares {
  readonly rtas: number;
  readonly dma: number;
  readonly monitor: number;
}

const SHARES: Shares = { rtas: 0.02, dma: 0.005, monitor: 0.0001 };
const ENTRIES_SHIFT_MAX = 27;
/** How often a wished migration comes, for the share of commands at the monitor. */
const WISH_FACTOR = 500;
/** Calls for which windows stay as they are once they are as they were wanted, and the share of transfers then. */
const CALM_CALLS = 16;
const CALM_CALLS_MIGRATED = 48;
const CALM_DMA = 0.02;
const CALM_DMA_MOVED = 0.25;
const PAGE_BYTES = 4096;
/** How often a transfer is looked for that reaches nothing that it must not. */
const DMA_TRIES = 4;

/** Calls after which windows may be others, and what was written in them is gone. */
const isUpheaval = (call: QemuCall): boolean =>
  call.kind === 'monitor' || (call.kind === 'rtas' && call.op !== 'ibm,query-pe-dma-window');

/**
 * Makes calls, one after the other. Each is made by what the specification knows after all calls before, and by
 * nothing else but the random source: the same seed makes the same calls. Where a call is left out because of what it
 * would do, the next one is made by the same specification.
 */
export class Generator {
  readonly #random: Random;
  readonly #options: GeneratorOptions;
  readonly #shares: Shares;
  readonly #steering: Steering;
  readonly #scenery = new Scenery();
  readonly #hcalls: Hcalls;
  readonly #rtas: RtasCalls;
  readonly #dma: DmaCalls;
  readonly #monitor: MonitorCalls;
  readonly #hasDma: boolean;
  #machine: QemuMachine | null = null;
  /** Calls for which windows stay as they are. */
  #calm = 0;

  constructor(random: Random, ramMb: number, options: GeneratorOptions) {
    const {
      places,
      shares,
      entriesShiftMax = ENTRIES_SHIFT_MAX,
      steered = true,
      dma = true,
      monitor = new Set(),
    } = options;
    this.#random = random;
    this.#options = options;
    this.#shares = { ...SHARES, ...shares };
    this.#hasDma = dma && this.#shares.dma > 0;
    this.#steering = new Steering(steered);
    const memory = { first: firstFree(places), end: ramMb * 2 ** 20 };
    this.#hcalls = new Hcalls(random, this.#steering, memory, places);
    this.#rtas = new RtasCalls(random, this.#steering, entriesShiftMax, steered);
    this.#dma = new DmaCalls(random, this.#steering, this.#hcalls.recent, places);
    const properties = new PhbPropertyChoices(this.#steering, 'hot-plugged PHB');
    this.#monitor = new MonitorCalls(random, this.#steering, this.#rtas, properties, monitor);
    this.#steering.begin();
  }

  /** The next call; the caller has the specification take it, or leaves it out and asks again. */
  next(specified: Specified): QemuCall {
    this.#steering.begin();
    if (this.#machine !== specified.machine) this.#begin(specified.machine);
    const scene = this.#scenery.sceneOf(specified.state);
    const call = this.#made(scene, specified);
    if (isUpheaval(call)) this.#hcalls.forgetEcho();
    return call;
  }

  /** What the specification answers to the call that was made last. */
  answered(answer: QemuAnswer): void {
    this.#steering.answered(answer);
  }

  /** How often each way to make each argument was chosen. */
  visits(): Readonly<Record<string, number>> {
    return this.#steering.visits();
  }

  /** How many pairs of such a way and an answer came up. */
  pairs(): number {
    return this.#steering.pairs();
  }

  #begin(machine: QemuMachine): void {
    this.#machine = machine;
    this.#calm = 0;
    this.#hcalls.forget();
    this.#rtas.follow([]);
  }

  #made(scene: Scene, specified: Specified): QemuCall {
    if (scene.dying.length > 0) return this.#monitor.afterLeaving();
    const { monitor = NOBODY } = this.#options;
    const { rtas, dma: transfers, monitor: commands } = this.#shares;
    if (this.#calm > 0) return this.#calmCall(scene, specified);
    let place = this.#random.fraction();
    if (place < commands && monitor.size > 0) return this.#monitor.next(scene, specified.state);
    place -= commands;
    if (place < rtas)
      return this.#rtas.next(scene, specified.state, (goal) => this.#reached(goal, specified));
    place -= rtas;
    if (place < transfers && this.#hasDma) return this.#transfer(scene, specified);
    return this.#hcalls.next(scene);
  }

  /**
   * Windows are as they were wanted: now they are looked at for a while. The migration that some were made for takes
   * long, so it does not follow each time.
   */
  #reached({ wantsMigration }: Goal, { state }: Specified): QemuCall | null {
    const migrates = wantsMigration && this.#random.chance(this.#shares.monitor * WISH_FACTOR);
    const migration = migrates ? this.#monitor.migration(state) : null;
    this.#calm = migration === null ? CALM_CALLS : CALM_CALLS_MIGRATED;
    return migration;
  }

  /** Hypercalls and transfers only, more of these than otherwise. */
  #calmCall(scene: Scene, specified: Specified): QemuCall {
    this.#calm--;
    const share = scene.moved.length > 0 ? CALM_DMA_MOVED : CALM_DMA;
    const isTransfer = this.#hasDma && this.#random.chance(share);
    return isTransfer ? this.#transfer(scene, specified) : this.#hcalls.next(scene);
  }

  #transfer(scene: Scene, specified: Specified): QemuCall {
    for (let tries = 0; tries < DMA_TRIES; tries++) {
      this.#steering.begin();
      const call = this.#dma.next(scene, specified);
      if (call !== undefined) return call;
    }
    return this.#hcalls.next(scene);
  }
}

const NOBODY: ReadonlySet<MonitorMade['op']> = new Set();

/** The first page behind all that is reserved: TCEs mostly name pages from there on. */
function firstFree({ lists, reserved }: GuestPlaces): number {
  const last = Math.max(...[lists, ...reserved].map(({ start, bytes }) => Number(start + bytes)));
  return Math.ceil(last / PAGE_BYTES) * PAGE_BYTES;
}
