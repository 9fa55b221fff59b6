import type { InFlight, Model, ModelMachine } from '@spapr-dma/checker';
import {
  type AnyMessage,
  type AnyProperty,
  type Choice,
  costOf,
  ENVIRONMENT,
  type Moved,
  type Participant,
  participantsOf,
  receiverFor,
  routed,
  runScript,
  type Settings,
  SIZES,
  type Size,
  type SystemState,
  settingsOf,
  stallBudgetOf,
  stepMessage,
  stepperOf,
  unwatched,
  vmmParticipants,
  type Watched,
  watched,
} from '@spapr-dma/system';
import type { ModelEntry, ScenarioEntry } from './entries.js';
import { environmentOf, type Processes } from './environment.js';
import { ModelsError } from './errors.js';
import { exitsOf } from './exits.js';
import { checkedProperty, livenessProperty, propertyNamed } from './properties.js';
import { symmetryOf } from './symmetry.js';
import { vmmEnvironmentOf } from './userspace-environment.js';
import { playCalls } from './userspace-setup.js';

/** What a model is built with instead of what its entry says. */
export interface ModelOptions {
  readonly preset?: string;
  /** Settings that differ from the preset's and the entry's. */
  readonly set?: Settings;
  readonly size?: Size;
  /** By name. */
  readonly properties?: readonly string[];
  /** Default: as the entry has it, or none where other properties are asked for. */
  readonly eventually?: readonly string[];
}

/** A model that is ready to be searched, and what it was built from. */
export interface BuiltModel {
  readonly model: Model;
  readonly participants: readonly Participant[];
  /** Where the search begins: after the scenario's setup. */
  readonly start: SystemState;
  /** The choices that lead there from the machines' initial states. */
  readonly setup: readonly Choice[];
  readonly preset: string;
  readonly settings: Settings;
  readonly size: Size;
}

/** Where a search begins, and who is around the machines from there on. */
interface SetUp {
  readonly participants: readonly Participant[];
  readonly start: SystemState;
  readonly choices: readonly Choice[];
  readonly known: readonly Watched[];
  // biome-ignore lint/suspicious/noExplicitAny: an environment's state is its own business
  readonly processes: Processes<any>;
}

/** Plays a scenario's setup to its end, and lets properties watch it. */
function setUp(
  scenario: ScenarioEntry,
  settings: Settings,
  size: Size,
  properties: readonly AnyProperty[],
): SetUp {
  const sizes = SIZES[size];
  let known = unwatched(properties);
  const choices: Choice[] = [];
  const watch = (moved: Moved, before: SystemState): void => {
    choices.push(moved.choice);
    known = watched(known, { before, moved, cost: costOf(moved) }, 0);
  };
  if (scenario.kind === 'vmm') {
    const participants = vmmParticipants(scenario.vmm, settings, size);
    const start = playCalls(participants, scenario.setup, watch);
    return { participants, start, choices, known, processes: vmmEnvironmentOf(scenario.processes) };
  }
  const { machine, setup: script } = scenario;
  const participants = participantsOf(machine, settings, size);
  const end = runScript({ id: scenario.name, machine, script }, participants, settings, sizes, watch);
  const [wrong] = end.mistakes;
  if (wrong !== undefined) throw new ModelsError(`the setup goes wrong: ${wrong}`);
  const { state: start, memory } = end;
  const exits = exitsOf(participants, start.routes);
  const moment = { state: start, settings, sizes, machine };
  const processes = environmentOf(scenario.processes, moment, memory, exits);
  return { participants, start, choices, known, processes };
}

/** @throws ModelsError that says which setup goes wrong, and how */
function checkedSetUp(
  { name, scenario }: ModelEntry,
  settings: Settings,
  size: Size,
  properties: readonly AnyProperty[],
): SetUp {
  const where = `Model '${name}', scenario '${scenario.name}'`;
  const begun = ((): SetUp => {
    try {
      return setUp(scenario, settings, size, properties);
    } catch (error) {
      throw error instanceof ModelsError ? new ModelsError(`${where}: ${error.message}`) : error;
    }
  })();
  const broken = begun.known.find(({ violated }) => violated !== null);
  if (broken === undefined) return begun;
  const { property, violated } = broken;
  throw new ModelsError(`${where}: the setup violates ${property.name}: ${violated!.text}`);
}

/**
 * A participant as a machine of the checker, from where it stands at the start. Its context is canonical as it is,
 * since a table's shape follows from what is in it; and what two contexts share is written down once.
 */
function machineOf(participant: Participant, start: SystemState): ModelMachine {
  const { name, machine, threads } = participant;
  const stepper = stepperOf(participant);
  return {
    name,
    machine,
    input: participant.input,
    start: start.snapshots[name]!,
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
 * The property of a name, with the budget of the model where it has one of its own: what is small takes little time.
 * @throws ModelsError for a name that does not exist
 */
export function askedProperty(name: string, { costMax }: ModelEntry): AnyProperty {
  const property = propertyNamed(name);
  if (name !== 'L-2' || costMax === null) return property;
  const consequence = `${costMax} ns are allowed`;
  return stallBudgetOf({ nanoseconds: costMax, consequence, replaysFreshWindow: false });
}

/**
 * Builds a model from its entry.
 * @throws ModelsError where the setup does not come to its end, or a step makes no sense in the machine
 * @throws SettingsError for a preset, setting or value that does not exist
 */
export function modelOf(entry: ModelEntry, options: ModelOptions = {}): BuiltModel {
  const { scenario } = entry;
  const { preset = entry.preset, size = scenario.size } = options;
  const properties = (options.properties ?? entry.properties).map((name) => askedProperty(name, entry));
  const eventually = options.eventually ?? (options.properties === undefined ? entry.eventually : []);
  // The calls that another VMM leaves unanswered are its own business.
  const vcpus = scenario.kind === 'machine' ? scenario.machine.vcpus : 0;
  const settings = settingsOf(preset, { ...entry.set, ...options.set });
  const { participants, start, choices, known, processes } = checkedSetUp(entry, settings, size, properties);
  const { environment, hearsOf, routesAt } = processes;
  const plain: Model = {
    name: entry.name,
    machines: participants.map((participant) => machineOf(participant, start)),
    route: (message, sender) => {
      const to = receiverFor(participants, start.routes, sender, message as AnyMessage);
      if (to === ENVIRONMENT && !hearsOf(message.type)) return null;
      return { to, lane: (message as AnyMessage).thread ?? '' };
    },
    inFlight: inFlightOf(start),
    environment,
    properties: [
      ...known.flatMap(({ property, memory: before }) =>
        checkedProperty(property, participants, start.routes, before, routesAt),
      ),
      ...eventually.flatMap((name) => livenessProperty(name, participants, vcpus, start.routes, routesAt)),
    ],
  };
  const model = { ...plain, symmetry: symmetryOf(plain, scenario) };
  return { model, participants, start, setup: choices, preset, settings, size };
}
