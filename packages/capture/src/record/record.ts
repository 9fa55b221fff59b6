import { qemuVersion } from '@spapr-dma/qemu-process';
import { CaptureError, fileError } from '../capture-error.js';
import { interrupted } from '../command.js';
import type { GuestImage } from '../image/guest-image.js';
import type { MonitorStep, Scenario } from '../scenario.js';
import type { ConsoleListener } from './console.js';
import { sleep } from './monitor.js';
import { RecordedMachine } from './recorded-machine.js';
import { eventsIn, missingEvents, type Recording } from './recording.js';

export interface RecordOptions {
  /** How long a guest may take, in seconds. */
  readonly timeLimit: number;
  readonly signal?: AbortSignal;
  /** Told what the guest does. */
  readonly onProgress?: (text: string) => void;
}

const TROUBLE_QUITTING = 'QEMU ended before the guest came to its end';

const TROUBLE_FULL =
  'the folder for temporary files is on a file system that was full: what QEMU wrote then is lost';

/** A scenario that is being recorded. */
class Take {
  readonly #scenario: Scenario;
  readonly #image: GuestImage;
  readonly #options: RecordOptions;
  readonly #machines: RecordedMachine[] = [];
  readonly #over: Promise<string | null>;
  /** Ends the take, with what went wrong; the first one counts. */
  #finish: (trouble: string | null) => void = () => {};
  #boots = 0;
  #failure: string | null = null;
  #hasEnded = false;

  constructor(scenario: Scenario, image: GuestImage, options: RecordOptions) {
    this.#scenario = scenario;
    this.#image = image;
    this.#options = options;
    this.#over = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  async record(): Promise<readonly Recording[]> {
    const { timeLimit, signal } = this.#options;
    const timer = setTimeout(
      () => this.#finish(`the guest did not come to its end within ${timeLimit} s`),
      timeLimit * 1000,
    );
    const stop = (): void => this.#finish(null);
    signal?.addEventListener('abort', stop);
    try {
      if (signal?.aborted) throw interrupted();
      await this.#start(null);
      const trouble = await this.#over;
      if (signal?.aborted) throw interrupted();
      for (const machine of this.#machines) await machine.end();
      const wasFull = this.#machines.some((machine) => machine.wasFull);
      return await this.#recordings(wasFull ? TROUBLE_FULL : trouble);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      for (const machine of this.#machines) await machine.close();
    }
  }

  async #start(from: RecordedMachine | null): Promise<RecordedMachine> {
    const started: { machine: RecordedMachine | null } = { machine: null };
    const listener = this.#listener(() => started.machine as RecordedMachine);
    const machine = await RecordedMachine.start({
      scenario: this.#scenario,
      image: this.#image,
      listener,
      from,
    });
    started.machine = machine;
    this.#machines.push(machine);
    machine.exited.then(() => this.#exited(machine));
    return machine;
  }

  /** Where the guest went to another machine, this one's end is nobody's trouble. */
  async #exited(machine: RecordedMachine): Promise<void> {
    await machine.console.closed;
    if (machine !== this.#machines.at(-1)) return;
    const last = machine.stderr.split('\n').at(-1) ?? '';
    if (this.#hasEnded) this.#finish(this.#failure);
    else this.#finish(last === '' ? TROUBLE_QUITTING : `${TROUBLE_QUITTING}: ${last}`);
  }

  #listener(machine: () => RecordedMachine): ConsoleListener {
    const mark = (text: string): void => {
      this.#options.onProgress?.(`${Math.round(machine().seconds)} s, ${text}`);
      machine()
        .mark(text)
        .catch((error: Error) => this.#finish(error.message));
    };
    return {
      booted: (release) => {
        this.#boots++;
        mark(`boot ${this.#boots}: ${release}`);
      },
      marked: mark,
      asked: (name) => {
        if (name === 'boot') return machine().console.type(`${this.#boots}`);
        mark(name);
        this.#answer(name, machine()).catch((error: Error) =>
          this.#finish(`what is done at '${name}' fails: ${error.message}`),
        );
      },
      failed: (text) => {
        this.#failure = `the guest gives up: ${text}`;
        mark(text);
      },
      ended: () => {
        this.#hasEnded = true;
        mark('end');
      },
    };
  }

  async #answer(name: string, machine: RecordedMachine): Promise<void> {
    const asked = this.#scenario.asked?.[name];
    if (asked === undefined) throw new CaptureError('the scenario does not know it');
    await this.#carryOut(asked.steps, machine);
    if (asked.isAnswered !== false) machine.console.type('done');
  }

  async #carryOut(steps: readonly MonitorStep[], machine: RecordedMachine): Promise<void> {
    for (const step of steps) {
      if ('migrate' in step) await this.#migrate(machine);
      else await machine.monitor.step(step);
    }
  }

  async #migrate(source: RecordedMachine): Promise<void> {
    const destination = await this.#start(source);
    await source.monitor.command('migrate', { uri: destination.arrivingAt }, { uri: 'unix:migration.sock' });
    await migrated(source);
    await running(destination);
    await destination.mark('arrived');
    await source.end();
    await this.#carryOut(this.#scenario.arrived ?? [], destination);
  }

  async #recordings(trouble: string | null): Promise<readonly Recording[]> {
    const { name, events } = this.#scenario;
    const parts = this.#machines.length > 1 ? [`${name}-source`, `${name}-destination`] : [name];
    const recordings: Recording[] = [];
    for (const [at, machine] of this.#machines.entries())
      recordings.push(await this.#recording(parts[at] ?? name, machine, trouble));
    const missing = missingEvents(
      events,
      Object.assign({}, ...recordings.map(({ description }) => description.events)),
    );
    if (trouble !== null || missing === null) return recordings;
    return recordings.map(({ description, ...files }) => ({
      ...files,
      description: { ...description, trouble: missing },
    }));
  }

  async #recording(name: string, machine: RecordedMachine, trouble: string | null): Promise<Recording> {
    const { scenario, image } = { scenario: this.#scenario, image: this.#image };
    const log = await machine.trace();
    return {
      log,
      console: await machine.said(),
      description: {
        name,
        scenario: scenario.name,
        shows: scenario.shows,
        qemu: qemuVersion(),
        commandLine: machine.commandLine,
        guest: {
          kernel: image.release,
          pageBytes: 2 ** image.guestPageShift,
          packages: image.packages,
        },
        devices: scenario.args.filter((_, place) => scenario.args[place - 1] === '-device'),
        script: scenario.script.trim(),
        seconds: machine.seconds,
        lines: log.filter((byte) => byte === 10).length,
        events: eventsIn(log),
        marks: machine.marks,
        monitor: machine.monitor.lines,
        exit: machine.exit,
        stderr: machine.stderr,
        trouble,
      },
    };
  }
}

const POLLED_EVERY = 0.1; // seconds

/** Waits until a guest has left. */
async function migrated({ monitor }: RecordedMachine): Promise<void> {
  for (;;) {
    const { status, 'error-desc': why = '' } = (await monitor.ask('query-migrate')) as Record<string, string>;
    if (status === 'completed') return;
    if (status === 'failed' || status === 'cancelled')
      throw new CaptureError(`the migration ${status}: ${why}`);
    await sleep(POLLED_EVERY);
  }
}

/** Waits until a guest runs. */
async function running({ monitor }: RecordedMachine): Promise<void> {
  for (;;) {
    const { running: runs } = (await monitor.ask('query-status')) as { running: boolean };
    if (runs) return;
    await sleep(POLLED_EVERY);
  }
}

/**
 * Lets a guest do what a scenario says, and records it: one recording for each machine that the guest was in.
 * @throws CaptureError where there is nothing to record, or where it was interrupted
 */
export async function recordScenario(
  scenario: Scenario,
  image: GuestImage,
  options: RecordOptions,
): Promise<readonly Recording[]> {
  try {
    return await new Take(scenario, image, options).record();
  } catch (error) {
    throw fileError('the folder for temporary files', error);
  }
}
