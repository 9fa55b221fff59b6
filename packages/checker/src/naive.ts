import { MACHINE_FAILURE } from './findings.js';
import { localText } from './machines.js';
import { ENVIRONMENT, type Model } from './model.js';
import {
  isGuarded,
  type NaiveChoice,
  type NaiveMove,
  type NaiveState,
  naiveChoices,
  naiveKey,
  naiveMove,
  naiveStart,
  naiveView,
} from './naive-steps.js';
import type { Judgement, Observer } from './property.js';
import type { SearchResult, TraceStep, Violation } from './result.js';
import type { SearchOptions } from './search-options.js';

/** A step of the search, for whoever wants to see them all. */
export interface NaiveEdge {
  readonly before: NaiveState;
  readonly choice: NaiveChoice;
  readonly after: NaiveState;
  readonly sent: TraceStep['sent'];
}

export interface NaiveOptions extends SearchOptions {
  readonly onEdge?: (edge: NaiveEdge) => void;
}

/** The place of a machine's failure among those of the properties. */
const FAILURE = -1;

/** A state, and how it was reached first. */
interface Node {
  readonly state: NaiveState;
  readonly depth: number;
  readonly parent: Node | null;
  readonly step: TraceStep | null;
}

/**
 * Visits every state of a model in the plainest way: a map from texts to states, xstate's own `transition()` for
 * each step, each property asked about each state. It is what the fast search is compared with.
 *
 * `leads-to` is not judged. `asked` and `transitions` are the same, and `bytesPerState` counts the texts only.
 */
export function naiveSearch(model: Model, options: NaiveOptions = {}): SearchResult {
  return new NaiveSearch(model, options).run();
}

class NaiveSearch {
  readonly #model: Model;
  readonly #options: NaiveOptions;
  readonly #nodes = new Map<string, Node>();
  /** By place of the property in the model, since two may bear one name. */
  readonly #violations = new Map<number, Violation>();
  readonly #reached = new Set<number>();
  readonly #locals: readonly Set<string>[];
  readonly #begun = performance.now();
  #transitions = 0;
  #depth = 0;
  #bytes = 0;
  #bound: SearchResult['bound'] = null;

  constructor(model: Model, options: NaiveOptions) {
    this.#model = model;
    this.#options = options;
    this.#locals = model.machines.map(() => new Set());
  }

  run(): SearchResult {
    const { until = 'first', depthMax } = this.#options;
    let level = [this.#added({ state: naiveStart(this.#model), depth: 0, parent: null, step: null })!];
    while (level.length > 0 && this.#bound === null) {
      if (level[0]!.depth === depthMax) {
        this.#bound = 'depth';
        break;
      }
      const next: Node[] = [];
      for (const node of level) {
        this.#visit(node, next);
        if (this.#isOver()) break;
      }
      level = next;
      if (until === 'first' && this.#violations.size > 0) break;
    }
    return this.#result(level.length === 0 && this.#bound === null);
  }

  /** A node for a state that is new. */
  #added(node: Node): Node | undefined {
    const { state, depth } = node;
    const key = naiveKey(this.#model, state);
    if (this.#nodes.has(key)) return undefined;
    this.#nodes.set(key, node);
    this.#depth = depth;
    this.#bytes += 2 * key.length;
    this.#model.machines.forEach((machine, at) => {
      this.#locals[at]!.add(localText(machine, state.snapshots[at]!));
    });
    for (const [at, property] of this.#model.properties.entries()) {
      if (property.kind !== 'invariant' && property.kind !== 'sometimes') continue;
      if (!isGuarded(this.#model, state, property.reads)) continue;
      const view = naiveView(this.#model, state, property.reads);
      if (property.kind === 'invariant') this.#note(at, property.judge(view), node);
      else if (property.holds(view)) this.#reached.add(at);
    }
    return node;
  }

  /** Goes on from a state. */
  #visit(node: Node, next: Node[]): void {
    const choices = naiveChoices(this.#model, node.state);
    if (choices.length === 0) this.#judgeRest(node);
    for (const choice of choices) {
      this.#transitions += 1;
      const move = naiveMove(this.#model, node.state, choice);
      const step = stepOf(this.#model, node.depth + 1, choice, move.sent);
      const violations: [property: number, text: string][] = [];
      if (move.failure !== null) violations.push([FAILURE, move.failure]);
      const after = this.#observed(node.state, choice, move, violations);
      const reached = { state: after, depth: node.depth + 1, parent: node, step };
      for (const [property, text] of violations) this.#violated(property, text, reached);
      this.#options.onEdge?.({ before: node.state, choice, after, sent: move.sent });
      const added = this.#added(reached);
      if (added !== undefined) next.push(added);
    }
  }

  /** The state after a step with what the observers remember of it. */
  #observed(
    before: NaiveState,
    { machine, message, delivered }: NaiveChoice,
    { after, sent }: NaiveMove,
    violations: [property: number, text: string][],
  ): NaiveState {
    const memories = this.#model.properties.map((property, at) => {
      const memory = before.memories[at];
      if (property.kind !== 'observer') return memory;
      // One that remembers sees every step; it would lose count otherwise.
      if (!property.remembers && !isGuarded(this.#model, after, property.reads)) return memory;
      const found = property.observe(memory as never, {
        before: naiveView(this.#model, before, property.reads),
        after: naiveView(this.#model, after, property.reads),
        machine: this.#model.machines[machine]!.name,
        from: delivered?.from ?? ENVIRONMENT,
        message,
        sent,
      });
      if (found.reached) this.#reached.add(at);
      if (found.violation !== null) violations.push([at, found.violation]);
      return this.#remembered(property, found.memory);
    });
    return { ...after, memories };
  }

  #remembered(property: Observer<unknown>, memory: unknown): unknown {
    return property.remembers ? memory : property.initial;
  }

  #judgeRest(node: Node): void {
    this.#model.properties.forEach((property, at) => {
      if (property.kind !== 'deadlock' && property.kind !== 'observer') return;
      if (!isGuarded(this.#model, node.state, property.reads)) return;
      const view = naiveView(this.#model, node.state, property.reads);
      const violation =
        property.kind === 'deadlock'
          ? property.waits(view)
          : (property.atRest?.(node.state.memories[at] as never, view) ?? null);
      if (violation !== null) this.#violated(at, violation, node);
    });
  }

  #note(property: number, { violation, reached }: Judgement, node: Node): void {
    if (reached) this.#reached.add(property);
    if (violation !== null) this.#violated(property, violation, node);
  }

  /** Keeps the nearest violation of each property. */
  #violated(at: number, text: string, node: Node): void {
    const known = this.#violations.get(at);
    if (known !== undefined && known.trace.steps.length <= node.depth) return;
    const property = this.#model.properties[at]?.name ?? MACHINE_FAILURE;
    this.#violations.set(at, { property, text, trace: { steps: stepsTo(node), loopAfter: null } });
  }

  #isOver(): boolean {
    const { statesMax = Number.POSITIVE_INFINITY, isStopped } = this.#options;
    if (this.#nodes.size >= statesMax) this.#bound = 'states';
    if (isStopped?.()) this.#bound = 'stopped';
    return this.#bound !== null;
  }

  #result(isWhole: boolean): SearchResult {
    const states = this.#nodes.size;
    const violations = [...this.#violations.values()].sort(
      (a, b) => a.trace.steps.length - b.trace.steps.length,
    );
    const unreached = isWhole ? this.#unreached() : [];
    const isViolated = violations.length > 0 || unreached.length > 0;
    return {
      verdict: isViolated ? 'violated' : isWhole ? 'holds' : 'bounded',
      violations,
      unreached,
      states,
      transitions: this.#transitions,
      depth: this.#depth,
      bound: this.#bound,
      seconds: (performance.now() - this.#begun) / 1000,
      localStates: Object.fromEntries(
        this.#model.machines.map(({ name }, at) => [name, this.#locals[at]!.size]),
      ),
      asked: this.#transitions,
      memoHits: 0,
      bytesPerState: this.#bytes / states,
    };
  }

  #unreached(): SearchResult['unreached'] {
    return this.#model.properties.flatMap((property, at) => {
      if (this.#reached.has(at)) return [];
      if (property.kind === 'sometimes') return [{ property: property.name, sometimes: property.title }];
      if (property.kind !== 'invariant' && property.kind !== 'observer') return [];
      return property.sometimes === null ? [] : [{ property: property.name, sometimes: property.sometimes }];
    });
  }
}

export function stepOf(model: Model, n: number, choice: NaiveChoice, sent: TraceStep['sent']): TraceStep {
  const to = model.machines[choice.machine]!.name;
  return {
    n,
    from: choice.delivered?.from ?? (choice.offer === null ? to : ENVIRONMENT),
    to,
    lane: choice.delivered?.lane ?? null,
    message: choice.message,
    offer: choice.offer?.label ?? null,
    sent,
  };
}

function stepsTo(node: Node): readonly TraceStep[] {
  const steps: TraceStep[] = [];
  for (let at: Node | null = node; at !== null; at = at.parent) if (at.step !== null) steps.push(at.step);
  return steps.reverse();
}
