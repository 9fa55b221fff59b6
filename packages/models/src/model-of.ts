import type { InFlight, Model, ModelMachine } from '@spapr-dma/checker';
import {
  type AnyMessage,
  type AnyProperty,
  costOf,
  ENVIRONMENT,
  type Participant,
  participantsOf,
  receiverFor,
  routed,
  runScript,
  type ScriptEnd,
  type Settings,
  SIZES,
  type Size,
  type SystemState,
  settingsOf,
  stepMessage,
  stepperOf,
  unwatched,
  type Watched,
  watched,
} from '@spapr-dma/system';
import type { ModelEntry } from './entries.js';
import { environmentOf } from './environment.js';
import { ModelsError } from './errors.js';
import { exitsOf } from './exits.js';
import { checkedProperty, propertyNamed } from './properties.js';

/** What a model is built with instead of what its entry says. */
export interface ModelOptions {
  readonly preset?: string;
  /** Settings that differ from the preset's and the entry's. */
  readonly set?: Settings;
  readonly size?: Size;
  /** By name. */
  readonly properties?: readonly string[];
}

/** A model that is ready to be searched, and what it was built from. */
export interface BuiltModel {
  readonly model: Model;
  readonly participants: readonly Participant[];
  /** Where the search begins: after the scenario's setup. */
  readonly start: SystemState;
  readonly preset: string;
  readonly settings: Settings;
  readonly size: Size;
}

/** Plays a scenario's setup to its end, and lets properties watch it. */
function setUp(
  { name, scenario }: ModelEntry,
  participants: readonly Participant[],
  settings: Settings,
  size: Size,
  properties: readonly AnyProperty[],
): ScriptEnd & { readonly known: readonly Watched[] } {
  const { machine, setup } = scenario;
  const id = `the setup of scenario '${scenario.name}'`;
  let known = unwatched(properties);
  const end = runScript(
    { id, machine, script: setup },
    participants,
    settings,
    SIZES[size],
    (moved, before) => {
      known = watched(known, { before, moved, cost: costOf(moved) }, 0);
    },
  );
  const [mistake] = end.mistakes;
  if (mistake !== undefined) throw new ModelsError(`Model '${name}': ${id} goes wrong: ${mistake}`);
  const broken = known.find(({ violated }) => violated !== null);
  if (broken === undefined) return { ...end, known };
  const { property, violated } = broken;
  throw new ModelsError(`Model '${name}': ${id} violates ${property.name}: ${violated!.text}`);
}

/** A participant as a machine of the checker, from where it stands at the start. */
function machineOf(participant: Participant, start: SystemState): ModelMachine {
  const { name, machine, canonical, threads } = participant;
  const stepper = stepperOf(participant);
  return {
    name,
    machine,
    input: participant.input,
    start: start.snapshots[name]!,
    canonical: canonical as (context: unknown) => unknown,
    ownMoves: (context) =>
      threads(context as never).map((thread) => stepMessage(participant, thread).message),
    step: (snapshot, message) => {
      const { snapshot: next, sent } = stepper.step(snapshot as never, message as never);
      // Whoever gets a message that nobody expects has found a mistake of the specification.
      routed([participant], {}, { from: ENVIRONMENT, to: name, message: message as AnyMessage }, sent);
      return { snapshot: next, sent };
    },
  };
}

const inFlightOf = ({ channels }: SystemState): readonly InFlight[] =>
  channels.flatMap(({ from, to, messages }) =>
    messages.map((message) => ({ from, to, lane: message.thread ?? '', message })),
  );

/**
 * Builds a model from its entry.
 * @throws ModelsError where the setup does not come to its end, or a step makes no sense in the machine
 * @throws SettingsError for a preset, setting or value that does not exist
 */
export function modelOf(entry: ModelEntry, options: ModelOptions = {}): BuiltModel {
  const { scenario } = entry;
  const { preset = entry.preset, size = scenario.size } = options;
  const properties = (options.properties ?? entry.properties).map(propertyNamed);
  const settings = settingsOf(preset, { ...entry.set, ...options.set });
  const participants = participantsOf(scenario.machine, settings, size);
  const { state: start, memory, known } = setUp(entry, participants, settings, size, properties);
  const moment = { state: start, settings, sizes: SIZES[size], machine: scenario.machine };
  const exits = exitsOf(participants, start.routes);
  const { environment, hearsOf } = environmentOf(scenario.processes, moment, memory, exits);
  const model: Model = {
    name: entry.name,
    machines: participants.map((participant) => machineOf(participant, start)),
    route: (message, sender) => {
      const to = receiverFor(participants, start.routes, sender, message as AnyMessage);
      if (to === ENVIRONMENT && !hearsOf(message.type)) return null;
      return { to, lane: (message as AnyMessage).thread ?? '' };
    },
    inFlight: inFlightOf(start),
    environment,
    properties: known.map(({ property, memory: before }) =>
      checkedProperty(property.name, participants, start.routes, before),
    ),
  };
  return { model, participants, start, preset, settings, size };
}
