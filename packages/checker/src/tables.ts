import { IntList } from './int-list.js';
import { IntLists } from './int-lists.js';
import { IntMap, MISSING } from './int-map.js';
import type { Layout } from './layout.js';
import { type Memory, OWN_MEMORY } from './memory.js';

/** Questions that only the model can answer; each is asked once. */
export const ASK = {
  /** (machine, local, message) → transition */
  transition: 0,
  /** (machine, local, inbox) → list of [transition, inbox after] */
  moves: 1,
  /** (inbox, message) → inbox */
  push: 2,
  /** (environment, message) → environment */
  hear: 3,
  /** (source, environment, cells…) → list of [machine, message, environment after, bits of `OFFER`, label] */
  offers: 4,
  /** (property, place of a guard, id) → 1 or 2 for true */
  guard: 5,
  /** (property, cells…) → verdict, for a state; bits of `LEADS_TO` for a property of that kind */
  judge: 6,
  /** (property, memory, transition, cells before…, others after…) → list of [memory after, verdict] */
  observe: 7,
  /** (property, memory, cells…) → verdict, for a state in which nobody can move */
  rest: 8,
  /** (permutation, place, id) → what comes in its stead */
  permute: 9,
} as const;
export type Ask = (typeof ASK)[keyof typeof ASK];

/** Answers a question and puts the answer into the tables. */
export type Asked = (ask: Ask, ...key: readonly number[]) => number;

/** The transition that stands for a message that is not taken. */
export const NOT_TAKEN = 0;

/** Verdicts below this one are no violations: nothing to say, and reached. */
export const VERDICT = { silent: 0, reached: 1, firstViolation: 2 } as const;

/** What is said of an offer. */
export const OFFER = { whenIdle: 1, isDue: 2 } as const;

/** Which parts of a leads-to hold in a state. */
export const LEADS_TO = { from: 1, to: 2 } as const;

/** Everything that was ever asked of a model, as integers. Reading it asks the model only for what is missing. */
export class Tables {
  readonly layout: Layout;
  readonly transitions: IntMap;
  readonly moves: IntMap;
  readonly pushes: IntMap;
  readonly hears: IntMap;
  /** Transitions in which a machine failed. */
  readonly failures: IntMap;
  /** By source of offers. */
  readonly offers: readonly IntMap[];
  /** By property and guard: 0 not asked, 1 false, 2 true, by id. */
  readonly guards: readonly (readonly IntList[])[];
  readonly offerGuards: readonly (readonly IntList[])[];
  /** By property. */
  readonly judged: readonly IntMap[];
  readonly observed: readonly IntMap[];
  readonly rested: readonly IntMap[];
  /** By permutation and place: one more than what comes in a number's stead, by number; 0 where it was not asked. */
  readonly images: readonly (readonly IntList[])[];

  /** By verdict: 1 where what the property is about was met. */
  readonly verdictReached: IntList;

  /** Of a transition: who moves, from where, on what, to where, and the list of what is sent. */
  readonly transitionMachine: IntList;
  readonly transitionLocal: IntList;
  readonly transitionMessage: IntList;
  readonly transitionNext: IntList;
  readonly transitionSends: IntList;
  /** Lists of [receiver, message]; the environment is the receiver after the last machine. */
  readonly sends: IntLists;
  readonly moveLists: IntLists;
  readonly offerLists: IntLists;
  readonly observations: IntLists;

  /** Room for the longest key. */
  readonly #key: Int32Array;

  #ask: Asked = () => {
    throw new Error('nobody answers');
  };

  constructor(layout: Layout, memory: Memory = OWN_MEMORY) {
    this.layout = layout;
    const map = (width: number): IntMap => new IntMap(width, memory);
    const list = (): IntList => new IntList(64, memory);
    this.transitions = map(3);
    this.moves = map(3);
    this.pushes = map(2);
    this.hears = map(2);
    this.failures = map(1);
    this.offers = layout.offers.map(({ cells }) => map(1 + cells.length));
    this.offerGuards = layout.offers.map(({ guarded }) => guarded.map(list));
    this.guards = layout.reads.map(({ guarded }) => guarded.map(list));
    this.judged = layout.reads.map(({ cells }) => map(cells.length));
    this.observed = layout.reads.map(({ cells, others }) => map(2 + cells.length + others.length));
    this.rested = layout.reads.map(({ cells }) => map(1 + cells.length));
    this.verdictReached = list();
    this.transitionMachine = list();
    this.transitionLocal = list();
    this.transitionMessage = list();
    this.transitionNext = list();
    this.transitionSends = list();
    this.sends = new IntLists(memory);
    this.moveLists = new IntLists(memory);
    this.offerLists = new IntLists(memory);
    this.observations = new IntLists(memory);
    this.images = layout.sources.map((sources) => {
      // What is on its way is numbered once for all machines.
      const inboxes = list();
      return sources.map((_, at) => (at < layout.environment && at % 2 === 1 ? inboxes : list()));
    });
    const keyed = [...this.offers, ...this.judged, ...this.observed, ...this.rested];
    this.#key = new Int32Array(Math.max(0, ...keyed.map(({ width }) => width)));
    this.addTransition(-1, -1, -1); // NOT_TAKEN
  }

  /** The number of a new transition; what it leads to is set afterwards. */
  addTransition(machine: number, local: number, message: number): number {
    this.transitionMachine.push(machine);
    this.transitionLocal.push(local);
    this.transitionMessage.push(message);
    this.transitionNext.push(-1);
    this.transitionSends.push(0);
    return this.transitionMachine.length - 1;
  }

  setTransition(transition: number, next: number, sends: number): void {
    this.transitionNext.set(transition, next);
    this.transitionSends.set(transition, sends);
  }

  /** Says who answers what is missing. Answers who did before. */
  answeredBy(ask: Asked): Asked {
    const before = this.#ask;
    this.#ask = ask;
    return before;
  }

  /** Asks what is not in the tables. */
  ask(ask: Ask, ...key: readonly number[]): number {
    return this.#ask(ask, ...key);
  }

  transitionOf(machine: number, local: number, message: number): number {
    const known = this.transitions.get3(machine, local, message);
    return known !== MISSING ? known : this.#ask(ASK.transition, machine, local, message);
  }

  movesOf(machine: number, local: number, inbox: number): number {
    const known = this.moves.get3(machine, local, inbox);
    return known !== MISSING ? known : this.#ask(ASK.moves, machine, local, inbox);
  }

  pushed(inbox: number, message: number): number {
    const known = this.pushes.get2(inbox, message);
    return known !== MISSING ? known : this.#ask(ASK.push, inbox, message);
  }

  heard(environment: number, message: number): number {
    const known = this.hears.get2(environment, message);
    return known !== MISSING ? known : this.#ask(ASK.hear, environment, message);
  }

  /** The offers of a source in a state; the empty list where a guard says that there are none. */
  offersOf(source: number, from: Int32Array, at: number): number {
    const { layout } = this;
    const { cells, guarded } = layout.offers[source]!;
    const guards = this.offerGuards[source]!;
    for (let i = 0; i < guarded.length; i += 1) {
      const id = from[at + guarded[i]!]!;
      const fact = guards[i]!.atOrZero(id);
      if ((fact !== 0 ? fact : this.#ask(ASK.guard, -1 - source, i, id)) === 1) return 0;
    }
    const key = this.#key;
    key[0] = from[at + layout.environment]!;
    for (let i = 0; i < cells.length; i += 1) key[1 + i] = from[at + cells[i]!]!;
    const known = this.offers[source]!.get(key);
    return known !== MISSING ? known : this.#ask(ASK.offers, source, ...key.subarray(0, 1 + cells.length));
  }

  /** Whether all guards of a property let it speak of a state. */
  isGuarded(property: number, from: Int32Array, at: number): boolean {
    const { guarded } = this.layout.reads[property]!;
    const guards = this.guards[property]!;
    for (let i = 0; i < guarded.length; i += 1) {
      const id = from[at + guarded[i]!]!;
      const fact = guards[i]!.atOrZero(id);
      if ((fact !== 0 ? fact : this.#ask(ASK.guard, property, i, id)) === 1) return false;
    }
    return true;
  }

  /** A verdict on a state; the guards have been asked. */
  judge(property: number, from: Int32Array, at: number): number {
    const { cells } = this.layout.reads[property]!;
    const key = this.#key;
    for (let i = 0; i < cells.length; i += 1) key[i] = from[at + cells[i]!]!;
    const known = this.judged[property]!.get(key);
    return known !== MISSING ? known : this.#ask(ASK.judge, property, ...key.subarray(0, cells.length));
  }

  /** What an observer makes of a step: the place in `observations` of [memory after, verdict]. */
  observe(
    property: number,
    memory: number,
    transition: number,
    before: Int32Array,
    after: Int32Array,
    at: number,
  ): number {
    const { cells, others } = this.layout.reads[property]!;
    const key = this.#key;
    key[0] = memory;
    key[1] = transition;
    let n = 2;
    for (let i = 0; i < cells.length; i += 1) key[n++] = before[cells[i]!]!;
    for (let i = 0; i < others.length; i += 1) key[n++] = after[at + others[i]!]!;
    const known = this.observed[property]!.get(key);
    const list = known !== MISSING ? known : this.#ask(ASK.observe, property, ...key.subarray(0, n));
    return this.observations.startOf(list);
  }

  /** A verdict on a state in which nobody can move. */
  rest(property: number, memory: number, from: Int32Array, at: number): number {
    const { cells } = this.layout.reads[property]!;
    const key = this.#key;
    key[0] = memory;
    for (let i = 0; i < cells.length; i += 1) key[1 + i] = from[at + cells[i]!]!;
    const known = this.rested[property]!.get(key);
    return known !== MISSING ? known : this.#ask(ASK.rest, property, ...key.subarray(0, 1 + cells.length));
  }

  /** What a permutation puts in the stead of a number at a place of a row. */
  permuted(permutation: number, place: number, id: number): number {
    const known = this.images[permutation]![place]!.atOrZero(id);
    return known !== 0 ? known - 1 : this.#ask(ASK.permute, permutation, place, id);
  }
}
