import type { Action, Condition, MachineSetup, ScriptStep, Settings, Size } from '@spapr-dma/system';

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

/** Somebody in the environment, who takes steps while all others take theirs. */
export interface ProcessEntry {
  readonly name: string;
  readonly steps: readonly ProcessStep[];
  /** `any`: each step at most once, in any order. */
  readonly order: 'sequence' | 'any';
  /** Starts over for ever. */
  readonly repeats: boolean;
}

/** Where models begin, and what the environment may do from there on. */
export interface ScenarioEntry {
  readonly name: string;
  readonly title: string;
  readonly size: Size;
  readonly machine: MachineSetup;
  /** Played to its end, in a fixed order, before a search begins. */
  readonly setup: readonly ScriptStep[];
  readonly processes: readonly ProcessEntry[];
  /** What the file has of `machine` and `setup`, for whoever writes them down elsewhere. */
  readonly json: { readonly machine: unknown; readonly setup: unknown };
}

/** A model, and what its search is known to come to. */
export interface ModelEntry {
  readonly name: string;
  readonly scenario: ScenarioEntry;
  readonly preset: string;
  readonly set: Settings;
  /** By name, as in `PROPERTIES`. */
  readonly properties: readonly string[];
  readonly verdict: 'holds' | 'violated';
  /** The properties that are violated; the first is the one that the model is about. Empty where all hold. */
  readonly violated: readonly string[];
  /** What the whole search counts; null where nobody has counted yet. */
  readonly states: number | null;
  readonly transitions: number | null;
  /** Steps to the furthest state. */
  readonly depth: number | null;
  /** `small` ones are searched by the tests. */
  readonly tier: 'small' | 'large';
  /** The switch that the model is about, and its value; null where it is about none. */
  readonly switch: string | null;
  readonly value: string | null;
  /** Nanoseconds of modelled cost that no call may exceed; null where there is no such bound. */
  readonly costMax: number | null;
  readonly note: string | null;
}

/** All of models.json. */
export interface Models {
  readonly scenarios: readonly ScenarioEntry[];
  readonly models: readonly ModelEntry[];
}
