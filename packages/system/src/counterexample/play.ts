import { type Choice, choicesOf, type Moved, RunError, type SystemState, taken, takes } from '../choices.js';
import { costOf } from '../costs.js';
import { exitsDue } from '../exits.js';
import { type Bus, LiveSystem } from '../live-driver.js';
import { ENVIRONMENT, type Participant } from '../participants.js';
import { PROPERTIES } from '../properties/index.js';
import { stallBudget, stallBudgetOf } from '../properties/l-02-stall-budget.js';
import type { AnyProperty, ObservedStep } from '../properties/property.js';
import { watchedAtRest } from '../properties/watch.js';
import { keyOf, step } from '../pure-driver.js';
import type { StoryMessage } from '../story/result.js';
import { lanesOf, Recorder } from '../story/run-story.js';
import { participantsOf } from '../story/setup.js';
import { vmmParticipants } from '../vmm.js';
import { type Counterexample, CounterexampleError } from './counterexample.js';
import { type ExplainedStep, explainedStep } from './explain.js';

/** Judges a path step by step, from the system's start on. */
export interface Judge {
  /** What this step violates, as a sentence; null where nothing is. */
  readonly observe: (step: ObservedStep) => string | null;
  /** Judges what is left when nobody can move. */
  readonly atRest: (state: SystemState) => string | null;
}

export interface PlayOptions {
  /** For the messages' names in error messages. */
  readonly file?: string;
  /** Who judges the counterexample's property; by default the system's property of its name. */
  readonly judge?: Judge;
  /** Lets listeners be put to the running actors' bus. */
  readonly onBus?: (bus: Bus) => void;
}

/** A violation, and the step of the counterexample that brought it; 0 for its setup. */
export interface Break {
  readonly name: string;
  readonly step: number;
  readonly text: string;
}

/** A counterexample that was played. */
export interface PlayedCounterexample {
  readonly counterexample: Counterexample;
  readonly participants: readonly string[];
  /** What the setup took. */
  readonly setupSteps: number;
  readonly steps: readonly ExplainedStep[];
  /** Messages of the steps, numbered from 1, each with its step. */
  readonly messages: readonly StoryMessage[];
  /** The first violation of the counterexample's property; null where it does not show. */
  readonly violation: Break | null;
  /** Other properties of the system that were violated on the way. */
  readonly others: readonly Break[];
  /** For a path that should come back: whether it does. */
  readonly comesBack: boolean | null;
  /** Whether nobody can move at its end. */
  readonly atRest: boolean;
  /** Each state of the path, that after the setup first. */
  readonly states: readonly SystemState[];
  /** Messages that the running actors' bus told of in all. */
  readonly told: number;
}

/** What the violation of no property but of a machine is called: it fails on what it gets. */
export const MACHINE_FAILURE = 'machine-failure';

const NOTHING: Judge = { observe: () => null, atRest: () => null };

/** The property that a counterexample is about; null for one that does not exist. */
function propertyOf({ name, costMax }: Counterexample['property']): AnyProperty | null {
  if (name === stallBudget.name && costMax !== null) {
    const consequence = `${costMax} ns are allowed`;
    return stallBudgetOf({ nanoseconds: costMax, consequence, replaysFreshWindow: false });
  }
  return PROPERTIES.find((each) => each.name === name) ?? null;
}

/** The system's property as a judge; null for one that does not exist. */
function systemJudge(violated: Counterexample['property']): Judge | null {
  if (violated.name === MACHINE_FAILURE) return NOTHING;
  const property = propertyOf(violated);
  if (property === null) return null;
  let memory: unknown = property.initial;
  return {
    observe: (observed) => {
      const verdict = property.observe(memory, observed);
      memory = verdict.memory;
      return verdict.violation;
    },
    atRest: (state) => property.atRest?.(memory, state) ?? null,
  };
}

/** One thing after another through both drivers, which must agree. */
class Player {
  readonly participants: readonly Participant[];
  readonly live: LiveSystem;
  readonly recorder = new Recorder(undefined);
  readonly #judge: Judge;
  state: SystemState;
  steps = 0;
  /** The first violation of what the judge judges, with the step from the system's start. */
  violation: { readonly step: number; readonly text: string } | null = null;
  told = 0;

  constructor(participants: readonly Participant[], judge: Judge, { onBus }: PlayOptions) {
    this.participants = participants;
    this.#judge = judge;
    this.live = new LiveSystem(participants);
    this.live.bus.on('*', () => {
      this.told += 1;
    });
    onBus?.(this.live.bus);
    this.state = this.live.state;
  }

  /** What the pure driver did, which the actors now do too. */
  #follow(moved: Moved, before: SystemState): void {
    this.steps += 1;
    const there = this.live.deliver(moved.choice);
    if (keyOf(this.participants, there.state) !== keyOf(this.participants, moved.state)) {
      throw new Error(`after ${this.steps} steps the running actors stand elsewhere than the pure step`);
    }
    this.state = moved.state;
    this.recorder.step(moved, before);
    this.#judged(this.#judge.observe({ before, moved, cost: costOf(moved) }));
  }

  rest(): void {
    this.#judged(this.#judge.atRest(this.state));
  }

  #judged(text: string | null): void {
    if (text !== null) this.violation ??= { step: this.steps, text };
  }

  /**
   * Takes a choice.
   * @throws RangeError where the state does not offer it
   * @throws RunError where a machine fails
   */
  take(choice: Choice): Moved {
    const before = this.state;
    this.#check(choice);
    const moved = step(this.participants, before, choice);
    this.#follow(moved, before);
    return moved;
  }

  /** Notes that the next step is one at which a machine fails. */
  fail(text: string): void {
    this.steps += 1;
    this.#judged(text);
  }

  /** @throws RangeError with the reason */
  #check(choice: Choice): void {
    const isThere = this.participants.some(({ name }) => name === choice.to);
    if (!isThere) throw new RangeError(`this machine has no ${choice.to}`);
    const { arriving } = taken(this.participants, this.state, choice);
    if (arriving !== null && !takes(this.state.snapshots[arriving.to], arriving.message)) {
      throw new RangeError(`${arriving.to} does not take ${arriving.message.type} where it stands`);
    }
  }
}

/** The machines before anything happened. @throws CounterexampleError */
function participantsIn({ host, settings, size }: Counterexample, file: string): readonly Participant[] {
  try {
    return host.kind === 'vmm'
      ? vmmParticipants(host.vmm, settings, size)
      : participantsOf(host.machine, settings, size);
  } catch (error) {
    throw new CounterexampleError(`${file}: ${host.kind}: ${(error as Error).message}`);
  }
}

const cannot = (file: string, place: string, { message }: Error): CounterexampleError =>
  new CounterexampleError(`${file}: ${place} cannot be taken: ${message}`);

/** The machines, where the path begins. @throws CounterexampleError */
function setUp(counterexample: Counterexample, judge: Judge, options: PlayOptions): Player {
  const { file = '' } = options;
  const player = new Player(participantsIn(counterexample, file), judge, options);
  for (const [index, choice] of counterexample.setup.entries()) {
    try {
      player.take(choice);
    } catch (error) {
      throw cannot(file, `setup[${index}]`, error as Error);
    }
  }
  return player;
}

/** The step at which a machine fails: nothing is known of what it would have done. */
const failedStep = ({ kind, to }: Choice, message: string, n: number): ExplainedStep => ({
  n,
  from: ENVIRONMENT,
  to,
  message: kind,
  changes: [],
  text: message,
});

/** Whether nobody can move; where QEMU has gone, the host's kernel may. */
const isAtRest = (participants: readonly Participant[], state: SystemState): boolean =>
  choicesOf(participants, state, exitsDue(state)).length === 0;

function judgeFor({ property }: Counterexample, { judge, file = '' }: PlayOptions): Judge {
  const found = judge ?? systemJudge(property);
  if (found !== null) return found;
  const known = PROPERTIES.map(({ name }) => name).join(', ');
  throw new CounterexampleError(
    `${file}: property.name: there is no property '${property.name}'; there are ${known}`,
  );
}

/**
 * Plays a counterexample, as running actors and by the pure step, whose states are compared after every step.
 * @throws CounterexampleError where it cannot be played
 */
export function playCounterexample(
  counterexample: Counterexample,
  options: PlayOptions = {},
): PlayedCounterexample {
  const { loopAfter, property } = counterexample;
  const { file = '' } = options;
  const judge = judgeFor(counterexample, options);
  const player = setUp(counterexample, judge, options);
  const setupSteps = player.steps;
  const heard = player.recorder.messages.length;
  const states = [player.state];
  const steps: ExplainedStep[] = [];
  for (const [index, choice] of counterexample.choices.entries()) {
    const before = player.state;
    const isLast = index === counterexample.choices.length - 1;
    try {
      steps.push(explainedStep(player.take(choice), before, index + 1));
      states.push(player.state);
    } catch (error) {
      const { message } = error as Error;
      const isExpected = error instanceof RunError && isLast && property.name === MACHINE_FAILURE;
      if (!isExpected) throw cannot(file, `steps[${index}]`, error as Error);
      player.fail(message);
      steps.push(failedStep(choice, message, index + 1));
    }
  }
  player.live.stop();
  const atRest = isAtRest(player.participants, player.state);
  if (atRest) player.rest();
  const key = (state: SystemState): string => keyOf(player.participants, state);
  const since = (n: number): number => Math.max(0, n - setupSteps);
  const all = atRest
    ? watchedAtRest(player.recorder.watched, player.state, player.steps)
    : player.recorder.watched;
  const messages = player.recorder.messages.slice(heard).map((message) => ({
    ...message,
    n: message.n - heard,
    step: message.step - setupSteps,
  }));
  return {
    counterexample,
    participants: lanesOf(player.participants, messages),
    setupSteps,
    steps,
    messages,
    violation: player.violation && {
      name: property.name,
      step: since(player.violation.step),
      text: player.violation.text,
    },
    others: all.flatMap(({ property: { name }, violated }) =>
      violated === null || name === property.name
        ? []
        : [{ name, step: since(violated.step), text: violated.text }],
    ),
    comesBack: loopAfter === null ? null : key(states[loopAfter]!) === key(player.state),
    atRest,
    states,
    told: player.told,
  };
}

/** Whether a played counterexample shows what it was written for. */
export const showsAgain = ({ violation, comesBack }: PlayedCounterexample): boolean =>
  comesBack ?? violation !== null;
