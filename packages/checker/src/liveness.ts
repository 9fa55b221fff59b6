import { Components } from './components.js';
import { UNFAIR } from './fairness.js';
import type { IntList } from './int-list.js';
import { FairCycle } from './liveness-cycle.js';
import { shortestWay } from './liveness-way.js';
import type { Remembered } from './remembered.js';
import type { Violation } from './result.js';
import { StateGraph } from './state-graph.js';
import type { StateStore } from './state-store.js';
import type { Successors } from './successors.js';
import { LEADS_TO } from './tables.js';

/** What is known of a row besides the bits of `LEADS_TO`. */
const ROW = {
  /** No machine can move in it, and nothing is due. */
  ends: 4,
  /** It belongs to a fair component. */
  fair: 8,
} as const;

/** Rows between two questions whether to stop. */
const LOOK_EVERY = 1024;

/** What came of the properties that say what leads to what. */
export interface LeadsToResult {
  /** Nearest first. */
  readonly violations: readonly Violation[];
  /** Whether it was stopped; then nothing is known. */
  readonly isStopped: boolean;
}

/**
 * Judges what leads to what, under weak fairness, on the whole space of a model's states.
 *
 * What is asked for never comes where, from a state that asks, states that wait lead
 * - to one in which no machine can move and nothing is due: the environment need not do anything else; or
 * - into a strongly connected component of states that wait which is weakly fair: every class of `FairClasses` is
 *   unable to go on in one of its states, or goes on by a step inside of it. A run that takes every step of it again
 *   and again then never slights anybody.
 *
 * It is enough to look at whole components. A class that makes one unfair can go on in each of its states, and never
 * does so inside; that is then true of every part of it. So no part of an unfair component is fair, and where a part
 * of a fair one is not, the run can use the rest of it. That holds of a component of one state as well: where a
 * machine can move in it, it is fair only if a step leads back.
 *
 * It takes 5 bytes a state, the paths of the depth-first search, and 8 bytes more where there is a violation.
 *
 * @param store every state that can be reached, each as `successors` has it
 * @param reached by property: set for those of which something was asked
 */
export function judgeLeadsTo(
  remembered: Remembered,
  store: StateStore,
  successors: Successors,
  reached: Uint8Array,
  isStopped: () => boolean = () => false,
): LeadsToResult {
  const { properties } = remembered.model;
  const violations: Violation[] = [];
  for (const [at, { kind }] of properties.entries()) {
    if (kind !== 'leads-to') continue;
    const graph = new StateGraph(remembered, store, successors);
    const check = new LeadsToCheck(graph, at, isStopped);
    const violation = check.run();
    if (check.isStopped) return { violations: [], isStopped: true };
    if (violation !== null) violations.push(violation);
    if (check.isReached) reached[at] = 1;
  }
  violations.sort((a, b) => a.trace.steps.length - b.trace.steps.length);
  return { violations, isStopped: false };
}

/** One property, held against the whole space. */
class LeadsToCheck {
  readonly #graph: StateGraph;
  readonly #property: number;
  readonly #askStopped: () => boolean;
  readonly #rows: Uint8Array;
  readonly #components: Components;
  /** By class: the last visit in which it was able to go on, and the one in which it did so inside. */
  readonly #able: number[] = [];
  readonly #inside: number[] = [];
  #visits = 0;
  #isViolated = false;
  isReached = false;
  isStopped = false;

  constructor(graph: StateGraph, property: number, isStopped: () => boolean) {
    this.#graph = graph;
    this.#property = property;
    this.#askStopped = isStopped;
    this.#rows = new Uint8Array(graph.size);
    this.#components = new Components(
      graph.size,
      (row, edges) => this.#follow(row, edges),
      (rows) => this.#judge(rows),
    );
  }

  run(): Violation | null {
    this.#ask();
    const rows = this.#rows;
    for (let row = 0; row < rows.length; row += 1) {
      if (this.#isAsking(row)) this.#components.visit(row);
    }
    return this.#isViolated && !this.isStopped ? this.#violation() : null;
  }

  /** Finds out for every row what asks and what comes. */
  #ask(): void {
    const { tables } = this.#graph.remembered;
    for (let row = 0; row < this.#rows.length; row += 1) {
      const state = this.#graph.read(row);
      if (!tables.isGuarded(this.#property, state, 0)) continue;
      const bits = tables.judge(this.#property, state, 0);
      this.#rows[row] = bits;
      if ((bits & LEADS_TO.from) !== 0) this.isReached = true;
    }
  }

  #isWaiting(row: number): boolean {
    return (this.#rows[row]! & LEADS_TO.to) === 0;
  }

  #isAsking(row: number): boolean {
    return (this.#rows[row]! & (LEADS_TO.from | LEADS_TO.to)) === LEADS_TO.from;
  }

  /** Adds the rows that wait to which one leads. */
  #follow(row: number, edges: IntList): void {
    this.#visits += 1;
    if (this.#visits % LOOK_EVERY === 0 && this.#askStopped()) this.isStopped = true;
    if (this.isStopped) return;
    const graph = this.#graph;
    const count = graph.expand(row);
    let isEnd = true;
    for (let ordinal = 0; ordinal < count; ordinal += 1) {
      isEnd &&= graph.classOf(ordinal) === UNFAIR;
      const next = graph.next(ordinal);
      if (this.#isWaiting(next)) edges.push(next);
    }
    if (!isEnd) return;
    this.#rows[row]! |= ROW.ends;
    this.#isViolated = true;
  }

  /** Marks the rows of a component in which one can go on for ever and be fair. */
  #judge(rows: Uint32Array): void {
    if (this.isStopped) return;
    if (!this.#isFair(rows)) return;
    for (const row of rows) this.#rows[row]! |= ROW.fair;
    this.#isViolated = true;
  }

  #isFair(rows: Uint32Array): boolean {
    // Classes that could go on in every state so far, and did so in none by a step inside.
    let slighted: number[] | undefined;
    for (const row of rows) {
      const able = this.#visit(row);
      slighted = (slighted ?? able).filter(
        (each) => this.#able[each] === this.#visits && this.#inside[each] !== this.#visits,
      );
      if (slighted.length === 0) return true;
    }
    return false;
  }

  /** Notes which classes can go on in a row, and which do so inside of its component. */
  #visit(row: number): number[] {
    const graph = this.#graph;
    const component = this.#components.componentOf(row);
    const classes: number[] = [];
    this.#visits += 1;
    const count = graph.expand(row);
    for (let ordinal = 0; ordinal < count; ordinal += 1) {
      const each = graph.classOf(ordinal);
      if (each === UNFAIR) continue;
      classes.push(each);
      this.#able[each] = this.#visits;
      if (this.#components.componentOf(graph.next(ordinal)) === component) this.#inside[each] = this.#visits;
    }
    return classes;
  }

  #violation(): Violation {
    const graph = this.#graph;
    const rows = this.#rows;
    const { steps, asked, end } = shortestWay(graph, {
      isAsking: (row) => this.#isAsking(row),
      isWaiting: (row) => this.#isWaiting(row),
      isEnd: (row) => (rows[row]! & (ROW.ends | ROW.fair)) !== 0,
    });
    const isEnd = (rows[end]! & ROW.ends) !== 0;
    const component = this.#components.componentOf(end);
    const cycle = isEnd
      ? []
      : new FairCycle(graph, (row) => this.#components.componentOf(row) === component).from(end);
    const why = isEnd
      ? graph.expand(end) === 0
        ? 'nobody can move'
        : 'no machine can move, and the environment need not'
      : `${cycle.length === 1 ? 'the last step' : `the last ${cycle.length} steps`} may go on for ever`;
    return {
      property: graph.remembered.model.properties[this.#property]!.name,
      text: `what must follow ${asked === 0 ? 'the start' : `step ${asked}`} never comes: ${why}`,
      trace: {
        steps: graph.stepsOf([...steps, ...cycle]),
        loopAfter: isEnd ? null : steps.length,
      },
    };
  }
}
