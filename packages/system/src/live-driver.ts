import { EventEmitter } from 'eventemitter3';
import { type AnyActor, type AnyMachineSnapshot, createActor } from 'xstate';
import type { Routed } from './channels.js';
import { type Choice, type Moved, moved, RunError, routed, type SystemState, taken } from './choices.js';
import type { AnyMessage, Participant } from './participants.js';
import { initialRoutes } from './routes.js';

/** Hears of a message after its receiver has taken it. */
export type BusListener = (
  message: AnyMessage,
  between: { readonly from: string; readonly to: string },
) => void;

/** Lets anyone listen to messages by name. It carries copies; the machines' own go through the channels. */
export class Bus {
  readonly #emitter = new EventEmitter();

  /** Calls the listener for every message of that name; `*` stands for all. Returns what ends it. */
  on(type: string, listener: BusListener): () => void {
    this.#emitter.on(type, listener);
    return () => this.#emitter.off(type, listener);
  }

  /** Tells the listeners. */
  tell({ from, to, message }: Routed): void {
    for (const name of [message.type, '*']) {
      if (this.#emitter.listenerCount(name) === 0) continue;
      this.#emitter.emit(name, structuredClone(message), { from, to });
    }
  }
}

/**
 * The system as running actors. The bus only tells; a message moves when a choice delivers it, so this
 * driver and the pure one are led by the same scheduler.
 */
export class LiveSystem {
  readonly bus = new Bus();
  readonly #participants: readonly Participant[];
  readonly #actors: Readonly<Record<string, AnyActor>>;
  #state: SystemState;
  /** What the actor that has just been sent to emitted. */
  #sent: AnyMessage[] = [];
  #failure: unknown = null;

  constructor(participants: readonly Participant[]) {
    this.#participants = participants;
    this.#actors = Object.fromEntries(
      participants.map((participant) => [participant.name, this.#start(participant)]),
    );
    this.#state = { snapshots: this.#snapshots(), channels: [], routes: initialRoutes(participants) };
  }

  #start({ machine, input }: Participant): AnyActor {
    const actor = createActor(machine, { input: input as never });
    actor.on('*', (message) => this.#sent.push(message as unknown as AnyMessage));
    actor.subscribe({
      error: (error) => {
        this.#failure = error;
      },
    });
    return actor.start();
  }

  #snapshots(): SystemState['snapshots'] {
    return Object.fromEntries(
      this.#participants.map(({ name }) => [name, this.#actors[name]!.getSnapshot() as AnyMachineSnapshot]),
    );
  }

  get state(): SystemState {
    return this.#state;
  }

  /**
   * Takes one choice.
   * @throws RunError where a machine fails or does not know the message, naming the message
   * @throws RangeError for a choice that the state does not offer
   */
  deliver(choice: Choice): Moved {
    const took = taken(this.#participants, this.#state, choice);
    const { arriving } = took;
    this.#sent = [];
    if (arriving !== null) {
      this.#actors[arriving.to]!.send(arriving.message);
      if (this.#failure !== null) throw new RunError(String(this.#failure), arriving);
    }
    const sent = arriving === null ? [] : routed(this.#participants, took.routes, arriving, this.#sent);
    const done = moved(this.#state, choice, took, this.#snapshots(), sent);
    this.#state = done.state;
    if (arriving !== null) this.bus.tell(arriving);
    // What is for the environment has arrived with the step that sent it.
    for (const each of sent) if (each.to === 'environment') this.bus.tell(each);
    return done;
  }

  /** Ends the actors. */
  stop(): void {
    for (const actor of Object.values(this.#actors)) actor.stop();
  }
}
