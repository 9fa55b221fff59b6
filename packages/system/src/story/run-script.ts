import type { Mapped, MonitorReturn } from '@spapr-dma/protocol';
import {
  type Choice,
  choicesOf,
  type Moved,
  type Offer,
  RunError,
  type SystemState,
  takes,
} from '../choices.js';
import { exitsDue } from '../exits.js';
import type { AnyMessage, Participant } from '../participants.js';
import { initialState, step } from '../pure-driver.js';
import type { Settings } from '../settings.js';
import type { Sizes } from '../sizes.js';
import type { Action } from './action.js';
import { isMet, type ScriptStep, type Story } from './story.js';
import { type Mapping, type ScriptContext, ScriptError } from './verb.js';
import { choiceOf } from './verbs.js';

/** A run that goes on for longer goes round in circles. */
const STEPS_MAX = 2_000_000;

/** What a script must remember of what happened. */
export interface Memory {
  readonly mappings: Readonly<Record<string, Mapping>>;
  /** What the last migration wrote; null before one. */
  readonly stream: unknown;
  /** Names for the mappings that were asked for, by thread. */
  readonly naming: Readonly<Record<string, string>>;
}

export const EMPTY_MEMORY: Memory = { mappings: {}, stream: null, naming: {} };

/** What a run needs to know of a story. */
export type Played = Pick<Story, 'id' | 'machine' | 'script'>;

/** How a run ended. */
export interface ScriptEnd {
  readonly state: SystemState;
  readonly memory: Memory;
  /** Why the script did not come to its end; empty where it did. */
  readonly mistakes: readonly string[];
}

/** What the environment learns from messages. */
export function learned(memory: Memory, messages: readonly AnyMessage[]): Memory {
  let next = memory;
  for (const message of messages) {
    if (message.type === 'mapped') {
      const { thread, device, segments } = message as unknown as Mapped;
      const name = next.naming[thread];
      if (name === undefined) continue;
      const { [thread]: _, ...naming } = next.naming;
      const mappings = segments === null ? next.mappings : { ...next.mappings, [name]: { device, segments } };
      next = { ...next, naming, mappings };
    }
    if (message.type === 'monitor-return') {
      const { stream } = message as unknown as MonitorReturn;
      if (stream !== null) next = { ...next, stream };
    }
  }
  return next;
}

/** Remembers the name that a step gives to what it maps. */
export function named(memory: Memory, action: Action): Memory {
  const { as, vcpu } = action.values;
  if (typeof as !== 'string') return memory;
  return { ...memory, naming: { ...memory.naming, [`vcpu${vcpu}`]: as } };
}

const receiverTakes = (state: SystemState, choice: Choice): boolean =>
  choice.kind !== 'offer' || takes(state.snapshots[choice.to], choice.message);

/**
 * Plays a story: the machines go on by themselves, in a fixed order, and the environment takes the next step
 * of the script when its time has come. Nothing in it is left to chance.
 * @throws RunError where a machine fails
 */
export function runScript(
  story: Played,
  participants: readonly Participant[],
  settings: Settings,
  sizes: Sizes,
  onMoved: (moved: Moved, before: SystemState) => void,
): ScriptEnd {
  let state = initialState(participants);
  let memory = EMPTY_MEMORY;
  const seen = new Map<string, number>();
  const script = story.script.filter(({ only }) => isMet(only, settings));
  let next = 0;

  const move = (choice: Choice): void => {
    const before = state;
    const moved = step(participants, state, choice);
    state = moved.state;
    const arrived = [moved.delivered, ...moved.sent.filter(({ to }) => to === 'environment')];
    for (const each of arrived) {
      if (each !== null) seen.set(each.message.type, (seen.get(each.message.type) ?? 0) + 1);
    }
    memory = learned(
      memory,
      moved.sent.map(({ message }) => message),
    );
    onMoved(moved, before);
  };

  const isTime = ({ when }: ScriptStep, quiescent: boolean): boolean => {
    if (when.kind === 'seen') return (seen.get(when.type) ?? 0) >= when.times;
    return when.kind === 'possible' || quiescent;
  };

  /** The script's next choice, if its time has come and its receiver takes it. */
  const scripted = (quiescent: boolean): Choice | null => {
    const entry = script[next];
    if (entry === undefined || !isTime(entry, quiescent)) return null;
    const { mappings, stream } = memory;
    const context: ScriptContext = {
      state,
      settings,
      sizes,
      machine: story.machine,
      mappings,
      stream,
    };
    const choice = choiceOf(entry.action, context);
    return receiverTakes(state, choice) ? choice : null;
  };

  for (let steps = 0; steps < STEPS_MAX; steps += 1) {
    const [internal] = choicesOf(participants, state);
    let choice: Choice | null;
    try {
      choice = scripted(internal === undefined);
    } catch (error) {
      if (!(error instanceof ScriptError)) throw error;
      return {
        state,
        memory,
        mistakes: [`Step ${next + 1} of the script, ${script[next]!.action.verb}: ${error.message}.`],
      };
    }
    const exit = internal === undefined ? exitDue(state) : null;
    // The host's kernel ends what is left of QEMU at once, unless the script says in which order.
    if (exit !== null && !isExit(script[next])) move({ kind: 'offer', ...exit });
    else if (choice !== null) {
      memory = named(memory, script[next]!.action);
      next += 1;
      move(choice);
    } else if (internal !== undefined) move(internal);
    else if (next === script.length) return { state, memory, mistakes: [] };
    else return { state, memory, mistakes: [stuck(script[next]!, next)] };
  }
  throw new RunError(`${story.id} does not come to rest`, null);
}

/** What the host's kernel has to do next of the end of QEMU; null where that is nothing. */
function exitDue(state: SystemState): Offer | null {
  const [exit] = exitsDue(state);
  return exit !== undefined && takes(state.snapshots[exit.to], exit.message) ? exit : null;
}

const isExit = (step: ScriptStep | undefined): boolean => step?.action.verb.startsWith('exit-') ?? false;

/** Why a step of the script is never taken. */
const stuck = ({ action, when }: ScriptStep, at: number): string =>
  when.kind === 'seen'
    ? `Step ${at + 1} of the script, ${action.verb}, waits for ${when.times} ${when.type}, and nobody can move any more.`
    : `Step ${at + 1} of the script, ${action.verb}, cannot be taken where its receiver stands.`;
