import type { QemuState } from '@spapr-dma/qemu-spapr';
import type { QemuCall, RtasMade } from '@spapr-dma/trace';
import { ConnectorCalls } from './connector-calls.js';
import { DdwCalls } from './ddw-calls.js';
import { type Goal, Goals } from './goals.js';
import type { Random } from './random.js';
import type { Scene } from './scene.js';
import { Choices, type Steering } from './steering.js';

/** Shares of RTAS calls that pursue a goal, and that go on with what a guest does about a hotplug. */
const GOAL_SHARE = 0.4;
const SCRIPT_SHARE = 0.6;
/** VIO devices of every machine, without a table. */
const WITHOUT_TABLE = [0x7100_0000, 0x7100_0001] as const;

/** Makes RTAS calls. */
export class RtasCalls {
  readonly #random: Random;
  readonly #ops: Choices<Scene, RtasMade>;
  readonly #units: Choices<Scene, number>;
  readonly #goals: Goals | null;
  /** What a guest does about a hotplug, the next call last. */
  #script: RtasMade[] = [];

  constructor(random: Random, steering: Steering, entriesShiftMax: number, pursuesGoals: boolean) {
    this.#random = random;
    const ddw = new DdwCalls(random, steering, entriesShiftMax);
    const connectors = new ConnectorCalls(random, steering, ddw);
    this.#goals = pursuesGoals ? new Goals(random, steering) : null;
    this.#units = new Choices<Scene, number>(steering, 'unit', [
      {
        name: 'VIO device',
        weight: 10,
        fits: ({ vioWindows }) => vioWindows.length > 0,
        make: (source, { vioWindows }) => Number(source.pick(vioWindows).liobn),
      },
      { name: 'VIO device without a table', weight: 2, make: (source) => source.pick(WITHOUT_TABLE) },
      {
        name: 'PHB',
        weight: 2,
        make: (source, { windows, nowhere }) =>
          Number((windows.length > 0 ? source.pick(windows) : nowhere).liobn),
      },
      { name: '32 random bits', weight: 1, make: (source) => source.bits() },
    ]);
    const setTceBypass = (scene: Scene): RtasMade => {
      const unit = this.#units.make(random, scene);
      return ddw.made('ibm,set-tce-bypass', [unit, random.pick([0, 1, 2, 0xffff_ffff])], 1);
    };
    this.#ops = new Choices<Scene, RtasMade>(steering, 'RTAS call', [
      { name: 'ibm,query-pe-dma-window', weight: 20, make: (_, scene) => ddw.query(scene) },
      { name: 'ibm,create-pe-dma-window', weight: 34, make: (_, scene) => ddw.create(scene) },
      { name: 'ibm,remove-pe-dma-window', weight: 22, make: (_, scene) => ddw.remove(scene) },
      { name: 'ibm,reset-pe-dma-window', weight: 8, make: (_, scene) => ddw.reset(scene) },
      { name: 'ibm,set-tce-bypass', weight: 5, make: (_, scene) => setTceBypass(scene) },
      {
        name: 'quiesce',
        weight: 3,
        make: () => ddw.made('quiesce', random.chance(0.2) ? [random.bits()] : [], 1),
      },
      { name: 'set-indicator', weight: 6, make: (_, scene) => connectors.setIndicator(scene) },
      { name: 'get-sensor-state', weight: 2, make: (_, scene) => connectors.getSensorState(scene) },
      {
        name: 'ibm,configure-connector',
        weight: 2,
        make: (_, scene) => connectors.configureConnector(scene),
      },
    ]);
  }

  /** The guest will do this, with other calls in between. */
  follow(script: readonly RtasMade[]): void {
    this.#script = script.toReversed();
  }

  /** The next call; `reached` is told of a goal that is reached, and may answer another call that is to follow. */
  next(scene: Scene, qemu: QemuState, reached: (goal: Goal) => QemuCall | null): QemuCall {
    if (this.#script.length > 0 && this.#random.chance(SCRIPT_SHARE)) return this.#script.pop() as RtasMade;
    if (this.#goals !== null && this.#random.chance(GOAL_SHARE)) {
      const call = this.#goals.next(scene, qemu);
      if (call !== null) return call;
      const goal = this.#goals.takeReached();
      const next = goal === null ? null : reached(goal);
      if (next !== null) return next;
    }
    return this.#ops.make(this.#random, scene);
  }
}
