import type { CheckedProperty, InFlight, ObservedMove, Reads, View } from '@spapr-dma/checker';
import {
  type AnyMessage,
  type AnyProperty,
  type Choice,
  costOf,
  DRAINED_FACTS,
  ENVIRONMENT,
  HOST_SIDE,
  initialRoutes,
  inTheEnd,
  isQuiet,
  isRcuDrained,
  type Moved,
  type ObservedStep,
  type Participant,
  PROPERTIES,
  QUIET_FACTS,
  QUIET_READS,
  type Routes,
  type StateRule,
} from '@spapr-dma/system';
import { ModelsError } from './errors.js';
import { stateReader } from './view-state.js';

type Component = Participant['component'];

/** The property of a name. @throws ModelsError that lists what there is */
export function propertyNamed(name: string): AnyProperty {
  const property = PROPERTIES.find((each) => each.name === name);
  if (property !== undefined) return property;
  const known = PROPERTIES.map((each) => each.name).join(', ');
  throw new ModelsError(`There is no property '${name}'; there are: ${known}.`);
}

/** Machines by what they are. */
interface Cast {
  readonly participants: readonly Participant[];
  readonly routes: Routes;
}

/** The machines of some components: of QEMU each there is, for a property may be about two; else who answers. */
const namesOf = ({ participants, routes }: Cast, components: readonly Component[]): readonly string[] =>
  participants
    .filter(
      ({ name, component }) =>
        components.includes(component) && (component === 'qemu-spapr' || routes[component] === name),
    )
    .map(({ name }) => name);

/** Machines between which nothing is on its way where no call is in progress. */
const hostSide = ({ routes }: Cast): readonly string[] =>
  HOST_SIDE.flatMap((component) => routes[component] ?? []);

/** Facts by component as facts by machine. */
function factsOf<Fact>(
  { routes }: Cast,
  facts: Readonly<Partial<Record<Component, Fact>>>,
): [string, Fact][] {
  return (Object.entries(facts) as [Component, Fact][]).flatMap(([component, fact]): [string, Fact][] => {
    const name = routes[component];
    return name === undefined ? [] : [[name, fact]];
  });
}

/** What a rule of quiet states looks at, and what must be so in each machine by itself for it to say anything. */
function quietReads(cast: Cast, components: readonly Component[], drained: boolean): Reads {
  const names = hostSide(cast);
  const machines = namesOf(cast, [...QUIET_READS, ...components]);
  const isCall = ({ from }: InFlight): boolean => names.includes(from);
  // What is on its way to QEMU does not count where QEMU is gone, so of that nothing can be said beforehand.
  const emptied = names.filter((name) => name !== cast.routes['qemu-spapr']);
  const drainedFacts = new Map(drained ? factsOf(cast, DRAINED_FACTS) : []);
  const guards = factsOf(cast, QUIET_FACTS).map(([name, fact]): [string, typeof fact] => {
    const also = drainedFacts.get(name);
    return [name, also === undefined ? fact : (snapshot) => fact(snapshot) && also(snapshot)];
  });
  return {
    machines,
    inboxes: names,
    guards: Object.fromEntries(guards),
    inboxGuards: Object.fromEntries(
      emptied.map((name) => [name, (inFlight: readonly InFlight[]) => !inFlight.some(isCall)]),
    ),
  };
}

const SILENT = { violation: null, reached: false } as const;

/** A rule of states as an invariant. */
function invariantOf(
  { name, title }: AnyProperty,
  { reads: components, when, judge }: StateRule,
  sometimes: string | null,
  cast: Cast,
): CheckedProperty {
  const { participants, routes } = cast;
  if (when === 'always') {
    const machines = namesOf(cast, components);
    const stateOf = stateReader(participants, routes, { machines, inboxes: null });
    const reads = { machines };
    return { kind: 'invariant', name, title, sometimes, reads, judge: (view) => judge(stateOf(view)) };
  }
  const reads = quietReads(cast, components, when === 'drained');
  const stateOf = stateReader(participants, routes, {
    machines: reads.machines,
    inboxes: reads.inboxes ?? null,
  });
  return {
    kind: 'invariant',
    name,
    title,
    sometimes,
    reads,
    judge: (view) => {
      const state = stateOf(view);
      const applies = isQuiet(state) && (when === 'quiet' || isRcuDrained(state));
      return applies ? judge(state) : SILENT;
    },
  };
}

function choiceOfMove({ from, machine, message }: ObservedMove): Choice {
  const { thread, type } = message as AnyMessage;
  if (from !== ENVIRONMENT) {
    return { kind: 'deliver', from, to: machine, ...(thread === undefined ? {} : { thread }) };
  }
  return type === 'step' && thread !== undefined
    ? { kind: 'step', to: machine, thread }
    : { kind: 'offer', to: machine, message: message as AnyMessage };
}

/** A property of steps as an observer. */
function observerOf(property: AnyProperty, initial: unknown, cast: Cast): CheckedProperty {
  const { name, title, sometimes, observe, atRest, asksForQuiet, asksForCost, reads } = property;
  const machines = namesOf(cast, reads);
  const inboxes = asksForQuiet ? hostSide(cast) : null;
  const stateOf = stateReader(cast.participants, cast.routes, { machines, inboxes });
  const stepOf = (move: ObservedMove): ObservedStep => {
    const moved: Moved = {
      choice: choiceOfMove(move),
      state: stateOf(move.after),
      delivered: { from: move.from, to: move.machine, message: move.message as AnyMessage },
      sent: move.sent.map(({ to, message }) => ({
        from: move.machine,
        to: to ?? ENVIRONMENT,
        message: message as AnyMessage,
      })),
    };
    // What a step costs adds up in a memory, which whoever does not ask for it would only be larger by.
    return { before: stateOf(move.before), moved, cost: asksForCost ? costOf(moved) : 0 };
  };
  return {
    kind: 'observer',
    name,
    title,
    sometimes,
    reads: { machines, ...(inboxes === null ? {} : { inboxes }) },
    initial,
    remembers: property.initial !== null,
    observe: (memory, move) => observe(memory, stepOf(move)),
    ...(atRest === undefined
      ? {}
      : { atRest: (memory: unknown, view: View) => atRest(memory, stateOf(view)) }),
  };
}

/**
 * What comes in the end, for a property of liveness: one for each vCPU where it is about calls.
 * @throws ModelsError for a property that says nothing of that, listing those that do
 */
export function livenessProperty(
  name: string,
  participants: readonly Participant[],
  vcpus: number,
  routes: Routes = initialRoutes(participants),
): readonly CheckedProperty[] {
  const all = inTheEnd(vcpus);
  const asked = all.filter((each) => each.name === name);
  if (asked.length === 0) {
    const known = [...new Set(all.map((each) => each.name))].join(', ');
    throw new ModelsError(`'${name}' is no property of what comes in the end; there are: ${known}.`);
  }
  return asked.map(({ title, reads: components, isAsked, hasCome }) => {
    const machines = namesOf({ participants, routes }, components);
    const stateOf = stateReader(participants, routes, { machines, inboxes: null });
    return {
      kind: 'leads-to',
      name,
      title,
      reads: { machines },
      from: (view) => isAsked(stateOf(view)),
      to: (view) => hasCome(stateOf(view)),
    };
  });
}

/**
 * A property of the system as the checker's: one invariant for each of its rules of states, or an observer. All bear
 * its name.
 * @param routes who answers to which component
 * @param initial what the property remembers of what happened before the search
 */
export function checkedProperty(
  property: AnyProperty,
  participants: readonly Participant[],
  routes: Routes = initialRoutes(participants),
  initial: unknown = property.initial,
): readonly CheckedProperty[] {
  const cast: Cast = { participants, routes };
  const { rules, sometimes } = property;
  return (
    rules?.map((rule, at) => invariantOf(property, rule, at === 0 ? sometimes : null, cast)) ?? [
      observerOf(property, initial, cast),
    ]
  );
}
