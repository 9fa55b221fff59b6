import { InputError } from '../input.js';
import { type CallPlace, Tally, type VectorsReplay } from '../vectors/report.js';
import { agrees, expectedOf, observedOf } from './answer.js';
import { type Environment, hostOf, type RecordedHost, scenarioOf } from './environment.js';
import type { Boot, HostKernel } from './host-kernel.js';
import { machinesHost } from './machines-host.js';
import { platformOf, type RecordedPlatform } from './platform.js';
import { isNote, parseRow, type RecordingRow } from './row.js';
import { Scenario } from './scenario.js';

/** Scenarios after which a host is started anew: what they leak does not pile up. */
const SCENARIOS_A_BOOT = 64;

/** Where a replay stands: in which run, on which host, in which scenario. */
interface Running {
  readonly run: string;
  readonly kernel: string;
  readonly machine: string;
  readonly name: string;
  readonly scenario: Scenario;
}

/**
 * Calls to a host kernel, replayed through the three machines of a host. A scenario begins where its name changes or
 * its numbers start again; each has a process of its own. The host goes on from one to the next, as the recorded one
 * did, until the recording is of another one, its drivers were changed, or an answer was not the recorded one.
 */
export class PowernvReplay implements VectorsReplay {
  readonly format = 'powernv-calls-1';
  readonly tally = new Tally();
  readonly #environment: Environment;
  readonly #boot: Boot;
  #running: Running | null = null;
  #host: HostKernel | null = null;
  #lastN = -1;
  #scenarios = 0;
  #started = new Map<string, number>();

  constructor(environment: Environment, boot: Boot = machinesHost) {
    this.#environment = environment;
    this.#boot = boot;
  }

  take(text: string, line: number): void {
    const row = parseRow(text, line);
    const place: CallPlace = { line, scenario: row.scenario, n: row.n, op: row.op };
    try {
      const step = this.#scenarioOf(row).play(row);
      if (step === null) return;
      if ('unmodelled' in step.played) this.tally.passedOver(place, step.played.unmodelled);
      else if (agrees(step.played, step.lockedKb, row)) this.tally.agreed();
      else this.#differs(place, expectedOf(step.played, step.lockedKb), row);
    } catch (error) {
      if (error instanceof InputError) throw error;
      if (!isNote(row)) this.#differs(place, { failed: String(error) }, row);
    }
  }

  #differs(place: CallPlace, expected: object, row: RecordingRow): void {
    this.tally.differed(place, expected, observedOf(row));
    this.#host = null;
  }

  #scenarioOf(row: RecordingRow): Scenario {
    const { run, kernel, machine, scenario: name, n } = row;
    const before = this.#running;
    const isSameHost = before?.run === run && before.kernel === kernel && before.machine === machine;
    const isSame = isSameHost && before.name === name && n > this.#lastN;
    this.#lastN = n;
    if (isSame) return before.scenario;
    if (!isSameHost) this.#started = new Map();
    const occurrence = (this.#started.get(name) ?? 0) + 1;
    this.#started.set(name, occurrence);

    const platform = platformOf(row);
    const recordedHost = hostOf(this.#environment, run);
    const host = this.#hostFor(isSameHost ? before : null, platform, recordedHost);
    const scenario = new Scenario({
      host,
      hostName: recordedHost.name,
      hostPageShift: platform.hostPageShift,
      environment: scenarioOf(this.#environment, name),
      absent: this.#environment.absent,
      firstFd: this.#environment.firstFd,
      occurrence,
    });
    this.#running = { run, kernel, machine, name, scenario };
    return scenario;
  }

  /** The host that the last scenario ran on, once its processes have ended, or a new one. */
  #hostFor(before: Running | null, platform: RecordedPlatform, host: RecordedHost): HostKernel {
    const last = this.#host;
    this.#host = null;
    if (before !== null && last !== null) before.scenario.end();
    const goesOn = this.#scenarios < SCENARIOS_A_BOOT && before?.scenario.rebinds === false;
    if (last !== null && goesOn) {
      this.#scenarios++;
      this.#host = last;
      return last;
    }
    this.#scenarios = 1;
    this.#host = this.#boot(platform, host);
    return this.#host;
  }
}
