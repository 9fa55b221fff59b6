import { Interner } from './intern.js';

/** A message with where it travels, as the tables know it. */
export interface Interned<Message> {
  /** The sender's place in the model; the environment is after the last. */
  readonly from: number;
  readonly to: number;
  readonly lane: string;
  readonly message: Message;
}

/** An inbox: messages by number, those of one lane together and oldest first, lanes in order. */
export type Inbox = readonly number[];

/** All inboxes that were met. */
export class Inboxes<Message> {
  readonly #messages: Interner<Interned<Message>>;
  readonly #inboxes = new Interner<Inbox>();

  constructor(messages: Interner<Interned<Message>>) {
    this.#messages = messages;
  }

  get size(): number {
    return this.#inboxes.size;
  }

  at(inbox: number): Inbox {
    return this.#inboxes.at(inbox);
  }

  numberOf(inbox: Inbox): number {
    return this.#inboxes.number(inbox.join(), inbox);
  }

  /** Where an inbox and a message that arrives in it go by senders' places and lanes. */
  #isBehind(a: number, b: number): boolean {
    const [x, y] = [this.#messages.at(a), this.#messages.at(b)];
    return x.from !== y.from ? x.from > y.from : x.lane > y.lane;
  }

  #isSameLane(a: number, b: number): boolean {
    const [x, y] = [this.#messages.at(a), this.#messages.at(b)];
    return x.from === y.from && x.lane === y.lane;
  }

  /** With a message at the end of its lane. */
  pushed(inbox: number, message: number): number {
    const messages = this.at(inbox);
    const found = messages.findIndex((each) => this.#isBehind(each, message));
    const at = found < 0 ? messages.length : found;
    return this.numberOf(messages.toSpliced(at, 0, message));
  }

  /** The places of the oldest messages of each lane. */
  heads(inbox: Inbox): readonly number[] {
    return inbox.flatMap((message, at) =>
      at === 0 || !this.#isSameLane(inbox[at - 1]!, message) ? [at] : [],
    );
  }
}
