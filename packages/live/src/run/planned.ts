import type { MonitorMade } from '@spapr-dma/trace';
import { Generator, type Shares } from '../generate/generator.js';
import { MachinePlanner } from '../generate/plan-machine.js';
import { Random } from '../generate/random.js';
import { LIVE_PLACES } from '../machine/layout.js';
import type { CallTarget } from '../target.js';
import type { LiveOptions } from './options.js';
import { Ends, type Scene, Script } from './script.js';

const RAM_MB = 256;

/** How machines are asked. */
interface Manner {
  /** Calls on a machine: the first ones are left soon, so that a short run too meets many. */
  readonly lives: {
    readonly first: number;
    readonly longer: number;
    readonly most: number;
    /** Machines that a long run is to meet about: to start one takes as long as thousands of calls. */
    readonly machines: number;
  };
  readonly shares: Partial<Shares>;
  /** Of the calls that would be the first end of their kind. */
  readonly ends: number;
}

const ANY: Manner = {
  lives: { first: 2000, longer: 500, most: 25_000, machines: 25 },
  shares: {},
  ends: 0.5,
};
/** What shows a difference soon: short lives, and calls that change windows. */
const WINDOWS: Manner = {
  lives: { first: 1500, longer: 0, most: 1500, machines: Number.POSITIVE_INFINITY },
  shares: { rtas: 0.4, dma: 0.02, monitor: 0.01 },
  ends: 0,
};

const MONITOR: ReadonlySet<MonitorMade['op']> = new Set([
  'system_reset',
  'migrate',
  'device_add',
  'device_del',
  'rcu',
]);

/** Sources of chance that go on by themselves, so that one is not moved by how often another is asked. */
const sourcesOf = (seed: number) => {
  const seeds = new Random(seed);
  const source = (): Random => new Random(seeds.bits() | 0);
  return { machines: source(), calls: source(), ends: source() };
};

/** A machine that was begun: it starts, while its first calls are made up. */
export interface Begun {
  readonly script: Script;
  readonly first: Promise<Scene>;
  readonly target: Promise<CallTarget>;
}

/** The machines of a run, one after the other, and what they are asked: all of it follows from the seed. */
export class Planned {
  readonly #options: LiveOptions;
  readonly #planner: MachinePlanner;
  readonly #generator: Generator;
  readonly #ends: Ends;
  readonly #manner: Manner;
  #machines = 0;
  #prepared: Begun | null = null;

  constructor(options: LiveOptions) {
    const { seed, qemu, machines, monitor = true, until } = options;
    const random = sourcesOf(seed);
    this.#options = options;
    this.#manner = until === undefined ? ANY : WINDOWS;
    this.#planner = new MachinePlanner(random.machines, { qemu, machines, ramMb: RAM_MB, seed });
    this.#generator = new Generator(random.calls, RAM_MB, {
      places: LIVE_PLACES,
      shares: this.#manner.shares,
      ...(monitor && { monitor: MONITOR }),
    });
    this.#ends = new Ends(random.ends, this.#manner.ends);
  }

  /** Begins the next machine ahead of time. @param callsLeft calls that no machine before it makes */
  prepare(callsLeft: number): void {
    if (callsLeft > 0) this.#prepared ??= this.#begun(callsLeft);
  }

  /** The next machine. @param callsLeft calls that are still to be made */
  next(callsLeft: number): Begun {
    const begun = this.#prepared ?? this.#begun(callsLeft);
    this.#prepared = null;
    return begun;
  }

  /** Leaves a machine that was prepared and never asked. */
  async close(): Promise<void> {
    const prepared = this.#prepared;
    this.#prepared = null;
    const target = await prepared?.target.catch(() => null); // It was never asked, so nobody misses it.
    await target?.close();
  }

  #begun(callsLeft: number): Begun {
    const { start, calls, switches = {} } = this.#options;
    const { first, longer, most, machines } = this.#manner.lives;
    const share = Math.ceil(calls / machines);
    const callsMax = Math.min(
      Math.max(first + longer * this.#machines++, share),
      Math.max(most, share),
      callsLeft,
    );
    const machine = this.#planner.next();
    const script = new Script({ machine, switches, generator: this.#generator, ends: this.#ends, callsMax });
    const target = start(machine);
    target.catch(() => undefined); // Who asks it first is told.
    return { script, target, first: script.next() };
  }
}
