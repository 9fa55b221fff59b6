import type { WindowSwitches } from '@spapr-dma/qemu-spapr';
import { type QemuAnswer, type QemuCall, type QemuMachine, QemuSpecification } from '@spapr-dma/trace';
import type { Generator } from '../generate/generator.js';
import type { Random } from '../generate/random.js';

/** What the specification knows. */
type QemuState = QemuSpecification['state'];

/** Some calls of a machine that come one after the other, with the answers that are specified. */
export interface Scene {
  readonly calls: readonly QemuCall[];
  readonly expected: readonly QemuAnswer[];
  /** What the specification knew before each call, and behind the last. */
  readonly states: readonly QemuState[];
}

/** How often calls that would end QEMU are passed over before one is made: a machine may have nothing else left. */
const PASSED_OVER_MAX = 100;
/** Calls that are sent at once: few on a fresh machine, which may soon show something, then ever more. */
const BATCH = { first: 256, most: 4096 };
/** Calls after which others get their turn: QEMU, which answered, waits for the next round meanwhile. */
const SLICE = 32;

/** Of these QEMU may die. */
const mayAbort = (call: QemuCall): boolean => call.kind === 'rtas' || call.kind === 'monitor';

/** How many ends of each kind a run has had: the more, the less are wanted. */
export class Ends {
  readonly #random: Random;
  readonly #share: number;
  readonly #taken = new Map<QemuCall['op'], number>();

  /** @param share of the calls that would be the first end of their kind */
  constructor(random: Random, share: number) {
    this.#random = random;
    this.#share = share;
  }

  isWanted({ op }: QemuCall): boolean {
    const taken = this.#taken.get(op) ?? 0;
    const isWanted = this.#random.chance(this.#share / 4 ** taken);
    if (isWanted) this.#taken.set(op, taken + 1);
    return isWanted;
  }
}

export interface ScriptOptions {
  readonly machine: QemuMachine;
  readonly switches: Partial<WindowSwitches>;
  readonly generator: Generator;
  readonly ends: Ends;
  /** Calls, at most. */
  readonly callsMax: number;
}

/** The calls of one machine: the specification makes them first, and decides how it goes on. */
export class Script {
  readonly machine: QemuMachine;
  readonly #generator: Generator;
  readonly #ends: Ends;
  readonly #specification: QemuSpecification;
  #left: number;
  #batch = BATCH.first;

  constructor({ machine, switches, generator, ends, callsMax }: ScriptOptions) {
    this.machine = machine;
    this.#generator = generator;
    this.#ends = ends;
    this.#specification = new QemuSpecification(machine, switches);
    this.#left = callsMax;
  }

  get isOver(): boolean {
    return this.#left === 0 || this.#specification.isAborted;
  }

  /** The next calls, none where it is over. */
  async next(): Promise<Scene> {
    const size = this.#batch;
    this.#batch = Math.min(2 * size, BATCH.most);
    const calls: QemuCall[] = [];
    const expected: QemuAnswer[] = [];
    const states = [this.#specification.state];
    while (calls.length < size && !this.isOver) {
      const call = this.#chosen();
      const answer = this.#specification.step(call);
      this.#generator.answered(answer);
      calls.push(call);
      expected.push(answer);
      states.push(this.#specification.state);
      this.#left--;
      if (calls.length % SLICE === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return { calls, expected, states };
  }

  /** A call; mostly none that ends QEMU. */
  #chosen(): QemuCall {
    for (let passedOver = 0; ; passedOver++) {
      const call = this.#generator.next(this.#specification);
      if (!mayAbort(call)) return call;
      const predicted = this.#specification.predict(call);
      if (predicted.kind !== 'abort' || this.#ends.isWanted(call)) return call;
      if (passedOver === PASSED_OVER_MAX) return call;
      this.#generator.answered(predicted);
    }
  }
}
