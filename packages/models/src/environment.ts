import type { Environment, Offer, OfferSource, View } from '@spapr-dma/checker';
import {
  type Choice,
  choiceOf,
  isMet,
  learned,
  type Memory,
  named,
  type Routes,
  type ScriptContext,
  ScriptError,
  type SystemState,
} from '@spapr-dma/system';
import type { Pace, ProcessEntry, ProcessStep } from './entries.js';
import { ModelsError } from './errors.js';

/** Where the environment stands: as little as its next steps depend on. */
export interface EnvironmentState {
  /** By process: the place of its next step, or for steps in any order a bit for each that was taken. */
  readonly at: readonly number[];
  /** Messages by type that some step waits for, as far as it counts them. */
  readonly seen: Readonly<Record<string, number>>;
  /** What was mapped and migrated; null where no step asks for it. */
  readonly memory: Memory | null;
  /** The QEMU that the guest runs on; null where no process hands the guest over. */
  readonly qemu: string | null;
}

/** What a step does, as far as it can be said beforehand. */
interface PlannedStep extends ProcessStep {
  /** The same whatever happens; null where it depends on what QEMU or the environment remembers by then. */
  readonly fixed: Choice | null;
  /** Looks at QEMU when its time comes. */
  readonly looks: boolean;
  /** The QEMU to which the guest goes in the same step; null where it stays. */
  readonly handover: string | null;
}
interface PlannedProcess extends Omit<ProcessEntry, 'steps'> {
  readonly steps: readonly PlannedStep[];
}

/** Verbs whose message tells of QEMU as it is when the step is taken. */
const OF_THE_MOMENT: readonly string[] = ['power-on', 'dlpar-add-phb', 'dlpar-add-device'];
/** Another QEMU takes the guest. */
const HANDOVER = 'handover';
/** Verbs that hand on what the last migration wrote. */
const OF_THE_STREAM = 'migrate-incoming';

/** What a process may ask of the moment in which a step is taken. */
export type Moment = Omit<ScriptContext, 'mappings' | 'stream'>;

const needsMemory = ({ action: { verb, values } }: ProcessStep): boolean =>
  verb === OF_THE_STREAM || ((verb.endsWith('-mapped') || verb === 'dma_unmap') && values.of !== undefined);

/** A state whose reader is told of. */
function watchedState(state: SystemState, onRead: () => void): SystemState {
  const snapshots = Object.defineProperties(
    {},
    Object.fromEntries(
      Object.entries(state.snapshots).map(([name, snapshot]) => [
        name,
        {
          enumerable: true,
          get: () => {
            onRead();
            return snapshot;
          },
        },
      ]),
    ),
  ) as SystemState['snapshots'];
  return { ...state, snapshots };
}

/** The choice that a step is in a moment; null where it makes no sense there. */
function choiceIn(step: ProcessStep, moment: Moment, memory: Memory): Choice | null {
  try {
    const { mappings, stream } = memory;
    return choiceOf(step.action, { ...moment, mappings, stream });
  } catch (error) {
    if (error instanceof ScriptError) return null;
    throw error;
  }
}

/** What a handover in a process leads to, and the step that it is part of. */
interface Handed {
  readonly step: ProcessStep;
  readonly handover: string | null;
}

/** Joins each handover to the step after it: no machine hears of it, so that nothing happens between the two. */
function joined(steps: readonly ProcessStep[], order: Pace['order']): readonly Handed[] {
  const all: Handed[] = [];
  let handover: string | null = null;
  for (const step of steps) {
    if (step.action.verb === HANDOVER) handover = step.action.values.to as string;
    else {
      all.push({ step, handover });
      handover = null;
    }
  }
  const isAlone = handover !== null || (order === 'any' && all.some((each) => each.handover !== null));
  if (isAlone) throw new ModelsError('handover is taken with the step after it, and there is none');
  return all;
}

/** Finds out at the start what a step does, and whether it has to look again when its time comes. */
function planned({ step, handover }: Handed, moment: Moment, memory: Memory, moves: boolean): PlannedStep {
  let reads = false;
  const state = watchedState(moment.state, () => {
    reads = true;
  });
  const choice = choiceIn(step, { ...moment, state }, memory);
  if (needsMemory(step)) {
    return { ...step, handover, fixed: null, looks: step.action.verb.endsWith('-mapped') };
  }
  if (choice !== null && !OF_THE_MOMENT.includes(step.action.verb)) {
    return { ...step, handover, fixed: choice, looks: moves && reads };
  }
  // What makes no sense at the start and does not look at anything never does.
  if (!reads) throw new ModelsError(`${step.action.verb} has no meaning in this machine`);
  return { ...step, handover, fixed: null, looks: true };
}

/** Whether the time of a step has come, but for whether its receiver takes it. */
const isTime = ({ when }: ProcessStep, { seen }: EnvironmentState): boolean =>
  when.kind !== 'seen' || (seen[when.type] ?? 0) >= when.times;

/** Somebody's steps, as far as it matters which is next. */
type Paced = Pace & { readonly steps: readonly unknown[] };

/** Places of the steps that a process may take next. */
export function nextPlaces({ steps, order, repeats }: Paced, at: number): readonly number[] {
  if (order === 'sequence') return at < steps.length ? [at] : [];
  return steps.flatMap((_, place) => (repeats || (at & (1 << place)) === 0 ? [place] : []));
}

/** Where a process stands after a step. */
export function placeAfter({ steps, order, repeats }: Paced, at: number, place: number): number {
  if (order === 'sequence') return repeats ? (at + 1) % steps.length : at + 1;
  return repeats ? 0 : at | (1 << place);
}

const MOST_STEPS_IN_ANY_ORDER = 30;

/** Messages that machines send to the environment, or to a guest that it plays. */
const HEARD: readonly string[] = [
  'booted',
  'dlpar-done',
  'dma-done',
  'error-report',
  'guest-vfio-return',
  'hcall-return',
  'host-dma-done',
  'host-return',
  'hotplug-event',
  'iommu-notify',
  'mapped',
  'memory-notified',
  'monitor-return',
  'printk',
  'probed',
  'qemu-aborted',
  'rtas-return',
  'unbound',
  'unmapped',
];

/** A step that waits for what nobody tells the environment would never be taken, and nobody would notice. */
function checkHeard(steps: readonly PlannedStep[]): void {
  const own = steps.flatMap(({ fixed }) => (fixed?.kind === 'offer' ? [fixed.message.type] : []));
  const known = [...new Set([...HEARD, ...own])];
  for (const { action, when } of steps) {
    if (when.kind !== 'seen' || known.includes(when.type)) continue;
    throw new ModelsError(
      `${action.verb} waits for ${when.type}, which the environment never hears; it hears: ${known.join(', ')}`,
    );
  }
}

/** How often a type is counted at most: no step tells the difference above that. */
const countedOf = (processes: readonly PlannedProcess[]): ReadonlyMap<string, number> => {
  const counted = new Map<string, number>();
  for (const { when } of processes.flatMap(({ steps }) => steps)) {
    if (when.kind === 'seen') counted.set(when.type, Math.max(counted.get(when.type) ?? 0, when.times));
  }
  return counted;
};

/** An environment, and which messages to it make a difference. */
export interface Processes<State> {
  readonly environment: Environment<State>;
  readonly hearsOf: (type: string) => boolean;
  /** Who answers to which component, by the environment's state; null where that never changes. */
  readonly routesAt: ((state: State) => Routes) | null;
}

/** What a process looks at in QEMU, it looks at in the one that the guest runs on. */
const qemuOf = ({ state }: Moment): string => state.routes['qemu-spapr']!;

/** Joins the processes of a scenario to what the host's kernel does when QEMU is gone. */
export function environmentOf(
  entries: readonly ProcessEntry[],
  moment: Moment,
  memory: Memory,
  exits: OfferSource<EnvironmentState>,
): Processes<EnvironmentState> {
  const asked = entries.map((entry) => ({
    ...entry,
    steps: entry.steps.filter(({ only }) => isMet(only, moment.settings)),
  }));
  const targets = asked.flatMap((entry) =>
    entry.steps.flatMap(({ action: { verb, values } }) => (verb === HANDOVER ? [values.to as string] : [])),
  );
  const moves = targets.length > 0;
  if (moves) checkAlone(moment, targets);
  const processes = asked.map((entry): PlannedProcess => {
    const steps = joined(entry.steps, entry.order);
    if (entry.order === 'any' && steps.length > MOST_STEPS_IN_ANY_ORDER) {
      throw new ModelsError(`process '${entry.name}' has more than ${MOST_STEPS_IN_ANY_ORDER} steps`);
    }
    return { ...entry, steps: steps.map((step) => planned(step, moment, memory, moves)) };
  });
  const steps = processes.flatMap((process) => process.steps);
  checkHeard(steps);
  const remembers = steps.some(needsMemory);
  const counted = countedOf(processes);

  const count = (state: EnvironmentState, type: string): EnvironmentState => {
    const most = counted.get(type);
    const before = state.seen[type] ?? 0;
    return most === undefined || before >= most
      ? state
      : { ...state, seen: { ...state.seen, [type]: before + 1 } };
  };

  const offersAt = (looks: boolean) => (state: EnvironmentState, view: View) => {
    const offers: Offer<EnvironmentState>[] = [];
    const here = state.qemu === null ? moment : movedTo(moment, state.qemu);
    const now = looks ? momentIn(here, view, qemus) : here;
    for (const [number, process] of processes.entries()) {
      const at = state.at[number]!;
      for (const place of nextPlaces(process, at)) {
        const step = process.steps[place]!;
        if (step.looks !== looks || !isTime(step, state)) continue;
        const fixed = state.qemu === null ? step.fixed : null;
        const choice = fixed ?? choiceIn(step, now, state.memory ?? memory);
        if (choice?.kind !== 'offer') continue;
        const places = state.at.with(number, placeAfter(process, at, place));
        const known = state.memory === null ? null : named(state.memory, step.action);
        const next = count(
          { ...state, at: places, memory: known, qemu: step.handover ?? state.qemu },
          choice.message.type,
        );
        const { to, message } = choice;
        const { handover } = step;
        const label = {
          process: process.name,
          step: place + 1,
          do: step.action.verb,
          ...(handover === null ? {} : { handover }),
        };
        offers.push({ to, message, next, label, whenIdle: step.when.kind === 'quiescent' });
      }
    }
    return offers;
  };

  const qemus = moves ? Object.keys(moment.state.snapshots) : [qemuOf(moment)];
  const looking = steps.some(({ looks }) => looks);
  const environment: Environment<EnvironmentState> = {
    initial: {
      at: processes.map(() => 0),
      seen: {},
      memory: remembers ? memory : null,
      qemu: moves ? qemuOf(moment) : null,
    },
    sources: [
      { offers: offersAt(false) },
      ...(looking ? [{ reads: qemus, offers: offersAt(true) }] : []),
      exits,
    ],
    hears: (state, message) => {
      const known = state.memory === null ? null : learned(state.memory, [message as never]);
      return count(known === state.memory ? state : { ...state, memory: known }, message.type);
    },
  };
  const remembered = remembers ? ['mapped', 'monitor-return'] : [];
  return {
    environment,
    hearsOf: (type) => counted.has(type) || remembered.includes(type),
    routesAt: moves ? ({ qemu }) => movedTo(moment, qemu!).state.routes : null,
  };
}

/** With a guest kernel, KVM or a host, a handover would be theirs too. */
function checkAlone({ state: { routes, snapshots } }: Moment, targets: readonly string[]): void {
  const unknown = targets.find((name) => snapshots[name] === undefined);
  if (unknown !== undefined) throw new ModelsError(`there is no ${unknown} to hand the guest to`);
  const others = Object.keys(routes).filter((component) => component !== 'qemu-spapr');
  if (others.length === 0) return;
  throw new ModelsError(`a process hands over QEMU alone, and this machine has ${others.join(', ')} too`);
}

/** The moment in which the guest runs on a QEMU. */
const movedTo = (moment: Moment, qemu: string): Moment => ({
  ...moment,
  state: { ...moment.state, routes: { ...moment.state.routes, 'qemu-spapr': qemu } },
});

/** The moment of a view: of all machines it knows some QEMUs only, and of others that they are there. */
function momentIn(moment: Moment, view: View, qemus: readonly string[]): Moment {
  const known = Object.fromEntries(qemus.map((qemu) => [qemu, view.snapshot(qemu)]));
  const snapshots = { ...moment.state.snapshots, ...known };
  return { ...moment, state: { ...moment.state, snapshots } };
}
