import type { AnyMachineSnapshot } from 'xstate';
import { canonicalText, type KnownTexts } from './canonical-text.js';
import { Inboxes, type Interned } from './inboxes.js';
import { IntList } from './int-list.js';
import { Interner } from './intern.js';
import { type Layout, layoutOf, machineNamed } from './layout.js';
import { localText, startOf } from './machines.js';
import { type Memory, OWN_MEMORY } from './memory.js';
import { ENVIRONMENT, type InFlight, type Message, type Model } from './model.js';
import { Tables } from './tables.js';
import { Verdicts } from './verdicts.js';

/** A message that was sent, and to whom; null where nobody hears it. */
export interface Sent {
  readonly to: string | null;
  readonly message: Message;
}

/** A model as tables of small integers, and what each of these numbers stands for. */
export class Remembered {
  readonly model: Model;
  readonly layout: Layout;
  readonly tables: Tables;
  readonly locals: readonly Interner<AnyMachineSnapshot>[];
  readonly messages = new Interner<Interned<Message>>();
  readonly inboxes = new Inboxes(this.messages);
  readonly environments = new Interner<unknown>();
  /** By property, where it remembers. */
  readonly memories: readonly Interner<unknown>[];
  /** Messages that the environment offers where machines can move. */
  readonly offered = new Set<number>();
  /** What the environment says of its offers. */
  readonly labels: unknown[] = [];
  readonly verdicts: Verdicts;
  /** Questions that were not asked for the sake of another, in order: the kind, how many numbers, and these. */
  readonly journal = new IntList();
  /** By transition: all that was sent. */
  readonly sent: (readonly Sent[])[] = [];
  /** By transition: what a machine failed with. */
  readonly failures = new Map<number, string>();
  /** States share what they have in common, so most of a new one's text is known. */
  readonly #texts: KnownTexts = new WeakMap();
  /** Transitions that xstate was asked for. */
  asked = 0;

  /** @throws RangeError for a model that names what it does not have */
  constructor(model: Model, memory: Memory = OWN_MEMORY) {
    this.model = model;
    this.layout = layoutOf(model);
    this.tables = new Tables(this.layout, memory);
    this.verdicts = new Verdicts(this.tables.verdictReached);
    this.locals = model.machines.map(() => new Interner<AnyMachineSnapshot>());
    this.memories = model.properties.map(() => new Interner<unknown>());
  }

  /** The row of the start. */
  start(): Int32Array {
    const { model, layout } = this;
    const row = new Int32Array(layout.width);
    const empty = this.inboxes.numberOf([]);
    model.machines.forEach((machine, k) => {
      row[2 * k] = this.localNumber(k, startOf(machine));
      row[2 * k + 1] = empty;
    });
    row[layout.environment] = this.environmentNumber(model.environment?.initial ?? null);
    for (const { from, to, lane, message } of model.inFlight ?? []) {
      const k = machineNamed(model, to);
      const number = this.messageNumber({ from: this.placeOf(from), to: k, lane, message });
      row[2 * k + 1] = this.tables.pushed(row[2 * k + 1]!, number);
    }
    model.properties.forEach((property, p) => {
      if (property.kind !== 'observer') return;
      const memory = this.memoryNumber(p, property.initial);
      if (layout.memories[p]! >= 0) row[layout.memories[p]!] = memory;
    });
    return row;
  }

  /** What is on its way in an inbox. */
  inFlight(machine: number, inbox: number): readonly InFlight[] {
    return this.inboxes.at(inbox).map((number) => {
      const { from, lane, message } = this.messages.at(number);
      return { from: this.nameOf(from), to: this.nameOf(machine), lane, message };
    });
  }

  nameOf(place: number): string {
    return this.model.machines[place]?.name ?? ENVIRONMENT;
  }

  /** A machine's place in the model; the environment is after the last. */
  placeOf(name: string): number {
    return name === ENVIRONMENT ? this.layout.machines : machineNamed(this.model, name);
  }

  localNumber(machine: number, snapshot: AnyMachineSnapshot): number {
    return this.locals[machine]!.number(
      localText(this.model.machines[machine]!, snapshot, this.#texts),
      snapshot,
    );
  }

  messageNumber(interned: Interned<Message>): number {
    const { from, to, lane, message } = interned;
    return this.messages.number(canonicalText([from, to, lane, message], this.#texts), interned);
  }

  environmentNumber(state: unknown): number {
    return this.environments.number(canonicalText(state, this.#texts), state);
  }

  memoryNumber(property: number, memory: unknown): number {
    return this.memories[property]!.number(canonicalText(memory, this.#texts), memory);
  }
}
