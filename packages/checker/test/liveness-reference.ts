import { canonicalText } from '../src/canonical-text.ts';
import type { Model } from '../src/model.ts';
import { naiveSearch } from '../src/naive.ts';
import {
  isGuarded,
  type NaiveChoice,
  type NaiveState,
  naiveChoices,
  naiveKey,
  naiveMove,
  naiveStart,
  naiveView,
} from '../src/naive-steps.ts';
import type { LeadsTo } from '../src/property.ts';
import type { Trace, TraceStep } from '../src/result.ts';

/** The class of a choice by its name; undefined for what the environment need not do. */
function classOf({ machine, message, delivered, offer }: NaiveChoice): string | undefined {
  if (offer !== null && !offer.isDue) return undefined;
  return delivered === null
    ? `told ${machine} ${canonicalText(message)}`
    : `lane ${machine} ${delivered.from} ${delivered.lane}`;
}

interface Edge {
  readonly to: string;
  readonly fair: string | undefined;
}

interface Node {
  readonly state: NaiveState;
  readonly edges: Edge[];
}

type Space = ReadonlyMap<string, Node>;

/** All states by their keys, with all that leads on from each. */
export function spaceOf({ properties: _, ...rest }: Model): Space {
  const model = { ...rest, properties: [] };
  const start = naiveStart(model);
  const nodes = new Map<string, Node>([[naiveKey(model, start), { state: start, edges: [] }]]);
  naiveSearch(model, {
    onEdge: ({ before, choice, after }) => {
      const [from, to] = [naiveKey(model, before), naiveKey(model, after)];
      nodes.get(from)!.edges.push({ to, fair: classOf(choice) });
      if (!nodes.has(to)) nodes.set(to, { state: after, edges: [] });
    },
  });
  return nodes;
}

const holds = (
  model: Model,
  state: NaiveState,
  { reads, ...property }: LeadsTo,
  part: 'from' | 'to',
): boolean => isGuarded(model, state, reads) && property[part](naiveView(model, state, reads));

/** Those of some nodes from which others of them can be reached by them alone, the others included. */
function leadingTo(nodes: Space, within: ReadonlySet<string>, goals: readonly string[]): Set<string> {
  const leading = new Set(goals);
  for (let before = -1; before !== leading.size; ) {
    before = leading.size;
    for (const key of within) {
      if (nodes.get(key)!.edges.some(({ to }) => leading.has(to))) leading.add(key);
    }
  }
  return leading;
}

/**
 * Whether a leads-to is violated, by the fixpoint of Emerson and Lei and without any components: the greatest set of
 * states that wait, from each of which every class is done justice to inside, again and again.
 */
export function isViolatedPlainly(model: Model, nodes: Space, property: LeadsTo): boolean {
  const waiting = new Set(
    [...nodes].flatMap(([key, { state }]) => (holds(model, state, property, 'to') ? [] : [key])),
  );
  const ableIn = (key: string): Set<string> =>
    new Set(nodes.get(key)!.edges.flatMap(({ fair }) => (fair === undefined ? [] : [fair])));
  const classes = new Set([...nodes.keys()].flatMap((key) => [...ableIn(key)]));

  let fair = waiting;
  for (let before = -1; before !== fair.size; ) {
    before = fair.size;
    for (const each of classes) {
      const within = fair;
      const just = [...within].filter(
        (key) =>
          !ableIn(key).has(each) ||
          nodes.get(key)!.edges.some(({ to, fair: taken }) => taken === each && within.has(to)),
      );
      fair = leadingTo(nodes, within, just);
    }
    const within = fair;
    fair = new Set([...within].filter((key) => nodes.get(key)!.edges.some(({ to }) => within.has(to))));
  }

  const ends = [...waiting].filter((key) => ableIn(key).size === 0);
  const lost = leadingTo(nodes, waiting, [...fair, ...ends]);
  return [...lost].some((key) => holds(model, nodes.get(key)!.state, property, 'from'));
}

const isStep = (
  model: Model,
  { machine, message, delivered, offer }: NaiveChoice,
  step: TraceStep,
): boolean =>
  model.machines[machine]!.name === step.to &&
  canonicalText(message) === canonicalText(step.message) &&
  (delivered?.lane ?? null) === step.lane &&
  (delivered === null || delivered.from === step.from) &&
  canonicalText(offer?.label ?? null) === canonicalText(step.offer);

/** What is wrong about a trace that should show that a leads-to is violated; null where nothing is. */
export function faultOf(model: Model, property: LeadsTo, { steps, loopAfter }: Trace): string | null {
  const states = [naiveStart(model)];
  const taken: (string | undefined)[] = [];
  for (const step of steps) {
    const before = states.at(-1)!;
    const choice = naiveChoices(model, before).find((each) => isStep(model, each, step));
    if (choice === undefined) return `step ${step.n} cannot be taken`;
    states.push(naiveMove(model, before, choice).after);
    taken.push(classOf(choice));
  }
  const able = states.map((state) => naiveChoices(model, state).flatMap((choice) => classOf(choice) ?? []));
  const asked = states.findIndex(
    (state, at) =>
      at <= (loopAfter ?? steps.length) &&
      holds(model, state, property, 'from') &&
      states.slice(at).every((later) => !holds(model, later, property, 'to')),
  );
  if (asked < 0) return 'what was asked for comes';
  if (loopAfter === null) return able.at(-1)!.length > 0 ? 'it ends where a machine can move' : null;
  if (loopAfter >= steps.length) return 'there is no loop';
  if (naiveKey(model, states[loopAfter]!) !== naiveKey(model, states.at(-1)!)) return 'the loop is open';
  const slighted = able[loopAfter]!.find(
    (each) =>
      able.slice(loopAfter).every((classes) => classes.includes(each)) &&
      !taken.slice(loopAfter).includes(each),
  );
  return slighted === undefined ? null : `${slighted} is slighted`;
}
