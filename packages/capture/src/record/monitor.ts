import type { QemuProcess } from '@spapr-dma/qemu-process';
import type { MonitorStep } from '../scenario.js';
import type { MonitorLine } from './description.js';

type Arguments = Readonly<Record<string, unknown>>;

/** QEMU tells each of these dozens of times while a guest boots. */
const UNTOLD: ReadonlySet<string> = new Set(['RTC_CHANGE', 'NIC_RX_FILTER_CHANGED', 'VSERPORT_CHANGE']);

export const sleep = (seconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000);
  });

/** A machine's monitor, which remembers what was said there. */
export class Monitor {
  readonly lines: MonitorLine[] = [];
  readonly #qmp: QemuProcess['qmp'];
  readonly #seconds: () => number;
  #eventsTaken = 0;
  #eventsAtCommand = 0;

  constructor(qmp: QemuProcess['qmp'], seconds: () => number) {
    this.#qmp = qmp;
    this.#seconds = seconds;
  }

  /** @param told what is put down, where the arguments name places of this machine */
  async command(execute: string, args?: Arguments, told = args): Promise<unknown> {
    this.takeEvents();
    this.#eventsAtCommand = this.#eventsTaken;
    this.#say('command', told === undefined ? { execute } : { execute, arguments: told });
    const answer = await this.#qmp.command(execute, args);
    this.takeEvents();
    this.#say('answer', answer);
    return answer;
  }

  /** Asks without putting it down: what is asked again and again tells nobody anything. */
  ask(execute: string): Promise<unknown> {
    return this.#qmp.command(execute);
  }

  /** Carries out a step, but no migration, which is no matter of one machine. */
  async step(step: Exclude<MonitorStep, { migrate: true }>): Promise<void> {
    if ('execute' in step) await this.command(step.execute, step.arguments);
    else if ('event' in step) await this.#qmp.event(step.event, { from: this.#eventsAtCommand });
    else await sleep(step.waitSeconds);
    this.takeEvents();
  }

  /** Puts down the events that came since the last time. */
  takeEvents(): void {
    for (const { event, data } of this.#qmp.events.slice(this.#eventsTaken))
      if (!UNTOLD.has(event)) this.#say('event', { event, data });
    this.#eventsTaken = this.#qmp.events.length;
  }

  #say(kind: MonitorLine['kind'], message: unknown): void {
    this.lines.push({ seconds: this.#seconds(), kind, message });
  }
}
