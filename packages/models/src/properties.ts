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
import { type RoutesAt, stateReader } from './view-state.js';

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
  /** At the start. */
  readonly routes: Routes;
  /** Later on; null where nobody is replaced. */
  readonly routesAt: RoutesAt | null;
}

/** Whoever asks who answers where that changes, looks at the environment. */
const alsoReads = ({ routesAt }: Cast): Pick<Reads, 'environment'> =>
  routesAt === null ? {} : { environment: true };

/** The machines of some components: of QEMU each there is, for a property may be about two; else who answers. */
const namesOf = ({ participants, routes }: Cast, components: readonly Component[]): readonly string[] =>
  participants
    .filter(
      ({ name, component }) =>
        components.includes(component) && (component === 'qemu-spapr' || routes[component] === name),
    )
    .map(({ name }) => name);

/** Machines between which nothing is on its way where no call is in progress. */
const hostSide = (cast: Cast): readonly string[] =>
  cast.routesAt === null
    ? HOST_SIDE.flatMap((component) => cast.routes[component] ?? [])
    : namesOf(cast, HOST_SIDE);

/** Facts by component as facts by machine; none where another machine may be the one that counts. */
function factsOf<Fact>(
  { routes, routesAt }: Cast,
  facts: Readonly<Partial<Record<Component, Fact>>>,
): [string, Fact][] {
  if (routesAt !== null) return [];
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
  const emptied = cast.routesAt === null ? names.filter((name) => name !== cast.routes['qemu-spapr']) : [];
  const drainedFacts = new Map(drained ? factsOf(cast, DRAINED_FACTS) : []);
  const guards = factsOf(cast, QUIET_FACTS).map(([name, fact]): [string, typeof fact] => {
    const also = drainedFacts.get(name);
    return [name, also === undefined ? fact : (snapshot) => fact(snapshot) && also(snapshot)];
  });
  return {
    ...alsoReads(cast),
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
  const { participants, routes, routesAt } = cast;
  if (when === 'always') {
    const machines = namesOf(cast, components);
    const stateOf = stateReader(participants, routes, { machines, inboxes: null }, routesAt);
    const reads = { ...alsoReads(cast), machines };
    return { kind: 'invariant', name, title, sometimes, reads, judge: (view) => judge(stateOf(view)) };
  }
  const reads = quietReads(cast, components, when === 'drained');
  const seen = { machines: reads.machines, inboxes: reads.inboxes ?? null };
  const stateOf = stateReader(participants, routes, seen, routesAt);
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
  const stateOf = stateReader(cast.participants, cast.routes, { machines, inboxes }, cast.routesAt);
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
    reads: { ...alsoReads(cast), machines, ...(inboxes === null ? {} : { inboxes }) },
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
  routesAt: RoutesAt | null = null,
): readonly CheckedProperty[] {
  const cast: Cast = { participants, routes, routesAt };
  const all = inTheEnd(vcpus);
  const asked = all.filter((each) => each.name === name);
  if (asked.length === 0) {
    const known = [...new Set(all.map((each) => each.name))].join(', ');
    throw new ModelsError(`'${name}' is no property of what comes in the end; there are: ${known}.`);
  }
  return asked.map(({ title, reads: components, isAsked, hasCome }) => {
    const machines = namesOf(cast, components);
    const stateOf = stateReader(participants, routes, { machines, inboxes: null }, routesAt);
    return {
      kind: 'leads-to',
      name,
      title,
      reads: { ...alsoReads(cast), machines },
      from: (view) => isAsked(stateOf(view)),
      to: (view) => hasCome(stateOf(view)),
    };
  });
}

/**
 * A property of the system as the checker's: one invariant for each of its rules of states, or an observer. All bear
 * its name.
 * @param routes who answers to which component
 * @param routesAt the same by the environment's state, where a process hands the guest over
 * @param initial what the property remembers of what happened before the search
 */
export function checkedProperty(
  property: AnyProperty,
  participants: readonly Participant[],
  routes: Routes = initialRoutes(participants),
  initial: unknown = property.initial,
  routesAt: RoutesAt | null = null,
): readonly CheckedProperty[] {
  const cast: Cast = { participants, routes, routesAt };
  const { rules, sometimes } = property;
  return (
    rules?.map((rule, at) => invariantOf(property, rule, at === 0 ? sometimes : null, cast)) ?? [
      observerOf(property, initial, cast),
    ]
  );
}
