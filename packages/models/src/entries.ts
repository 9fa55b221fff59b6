import type { ThreadId } from '@spapr-dma/protocol';
import type {
  Action,
  Condition,
  MachineSetup,
  ScriptStep,
  Settings,
  Size,
  VmmCall,
  VmmSetup,
} from '@spapr-dma/system';

/** When the environment takes a step. */
export type ProcessWhen =
  /** Whenever the receiver takes it. */
  | { readonly kind: 'possible' }
  /** Where no machine can move. */
  | { readonly kind: 'quiescent' }
  /** From then on that the environment has heard, or itself sent, so many messages of a type. */
  | { readonly kind: 'seen'; readonly type: string; readonly times: number };

/** A step of a process of the environment. */
export interface ProcessStep {
  readonly action: Action;
  readonly when: ProcessWhen;
  /** Only with settings of these values is there such a step. */
  readonly only: Condition;
}

/** In which order somebody takes steps, and for how long. */
export interface Pace {
  /** `any`: each step at most once, in any order. */
  readonly order: 'sequence' | 'any';
  /** Starts over for ever. */
  readonly repeats: boolean;
}

/** Somebody in the environment, who takes steps while all others take theirs. */
export interface ProcessEntry extends Pace {
  readonly name: string;
  readonly steps: readonly ProcessStep[];
}

/** A thread of a VMM that is not QEMU, a vCPU, or the host's administrator: each call follows the last one's return. */
export interface VmmProcess extends Pace {
  readonly name: string;
  readonly thread: ThreadId;
  readonly steps: readonly VmmCall[];
}

interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly size: Size;
}

/** A whole machine with QEMU in it, as in stories. */
export interface MachineScenario extends Scenario {
  readonly kind: 'machine';
  readonly machine: MachineSetup;
  /** Played to its end, in a fixed order, before a search begins. */
  readonly setup: readonly ScriptStep[];
  readonly processes: readonly ProcessEntry[];
  /** What the file has of `machine` and `setup`, for whoever writes them down elsewhere. */
  readonly json: { readonly machine: unknown; readonly setup: unknown };
}

/** The host's kernel below a VMM that is not QEMU: what QEMU never does, others may. */
export interface VmmScenario extends Scenario {
  readonly kind: 'vmm';
  readonly vmm: VmmSetup;
  /** Made one after the other, each when nobody can move any more, before a search begins. */
  readonly setup: readonly VmmCall[];
  readonly processes: readonly VmmProcess[];
  /** What the file has of `vmm` and `setup`, for whoever writes them down elsewhere. */
  readonly json: { readonly vmm: unknown; readonly setup: unknown };
}

/** Where models begin, and what the environment may do from there on. */
export type ScenarioEntry = MachineScenario | VmmScenario;

/** A model, and what its search is known to come to. */
export interface ModelEntry {
  readonly name: string;
  readonly scenario: ScenarioEntry;
  readonly preset: string;
  readonly set: Settings;
  /** By name, as in `PROPERTIES`. */
  readonly properties: readonly string[];
  /** Properties of liveness, of which is asked too what comes in the end on paths that go on for ever. */
  readonly eventually: readonly string[];
  readonly verdict: 'holds' | 'violated';
  /** All properties that are violated; the first is the one that the model is about. Empty where all hold. */
  readonly violated: readonly string[];
  /** What its search counts, which ends with the level of the first violation; null where nobody has counted yet. */
  readonly states: number | null;
  readonly transitions: number | null;
  /** Steps to the furthest state. */
  readonly depth: number | null;
  /** `small` ones are searched by the tests. */
  readonly tier: 'small' | 'large';
  /** The switch that the model is about, and its value; null where it is about none. */
  readonly switch: string | null;
  readonly value: string | null;
  /** Nanoseconds that L-2 allows a call, and no look at a fresh window; null for what a guest bears. */
  readonly costMax: number | null;
  readonly note: string | null;
}

/** All of models.json. */
export interface Models {
  readonly scenarios: readonly ScenarioEntry[];
  readonly models: readonly ModelEntry[];
}
