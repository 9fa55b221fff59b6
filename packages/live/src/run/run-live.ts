import type { QemuAnswer, QemuCall, QemuMachine } from '@spapr-dma/trace';
import { Coverage } from '../coverage/coverage.js';
import { type Asked, ask, leave } from '../findings/ask.js';
import { knownCases } from '../findings/case-file.js';
import { Findings } from '../findings/findings.js';
import type { Shown } from '../findings/shown.js';
import type { LiveCase } from '../shrink/shrink.js';
import type { CallTarget } from '../target.js';
import type { LiveOptions } from './options.js';
import { type Begun, Planned } from './planned.js';
import type { LiveReport } from './report.js';
import type { Scene } from './script.js';

/**
 * Makes the same calls to a real QEMU and to the specification, and compares the answers.
 * @throws InputError for a file of `known` that is none of calls
 */
export async function runLive(options: LiveOptions): Promise<LiveReport> {
  const run = new LiveRun(options, await knownOf(options));
  try {
    await run.play();
  } finally {
    await run.close();
  }
  return run.report();
}

const knownOf = async ({ known, switches = {} }: LiveOptions) =>
  known == null ? new Map() : knownCases(known, switches);

/** Differences after which another one says nothing new. */
const DIFFERENCES_MAX = 100;

/** What was asked of a machine, with the answers that are specified. */
interface Made {
  readonly calls: QemuCall[];
  readonly expected: QemuAnswer[];
}

class LiveRun {
  readonly #options: LiveOptions;
  readonly #planned: Planned;
  readonly #findings: Findings;
  readonly #coverage = new Coverage();
  readonly #versions = new Set<string>();
  readonly #began = performance.now();
  #calls = 0;
  #machines = 0;
  #differences = 0;
  #fault: string | null = null;
  #machine: QemuMachine | null = null;

  constructor(options: LiveOptions, known: Awaited<ReturnType<typeof knownOf>>) {
    this.#options = options;
    this.#planned = new Planned(options);
    this.#findings = new Findings({
      start: options.start,
      switches: options.switches ?? {},
      seed: options.seed,
      out: options.out ?? null,
      known,
      signal: options.signal,
      onShrinking: (shrinking) => this.#tell(shrinking),
    });
  }

  async play(): Promise<void> {
    while (!this.#isOver) {
      const begun = this.#planned.next(this.#callsLeft);
      const target = await this.#started(begun);
      if (target === null) return;
      const made: Made = { calls: [], expected: [] };
      const asked = await leave(target, made, await this.#converse(begun, target, made));
      if (asked.shown !== null)
        await this.#take({ machine: begun.script.machine, ...made }, asked, asked.shown);
    }
  }

  async close(): Promise<void> {
    await this.#planned.close();
  }

  /** What was compared so far is kept where a machine cannot be started. */
  async #started({ target }: Begun): Promise<CallTarget | null> {
    try {
      return await target;
    } catch (error) {
      this.#fault = error instanceof Error ? error.message : String(error);
      return null;
    }
  }

  report(): LiveReport {
    const { qemu, seed, signal } = this.#options;
    return {
      qemu,
      seed,
      calls: this.#calls,
      machines: this.#machines,
      versions: [...this.#versions],
      differences: this.#differences,
      coverage: this.#coverage.statuses(),
      situations: this.#coverage.situations(),
      unreached: this.#coverage.unreached(),
      findings: this.#findings.list(),
      interrupted: signal?.aborted === true,
      fault: this.#fault,
      seconds: (performance.now() - this.#began) / 1000,
    };
  }

  get #isOver(): boolean {
    const { calls, signal, until } = this.#options;
    const differencesMax = until === undefined ? DIFFERENCES_MAX : 1;
    return this.#calls >= calls || signal?.aborted === true || this.#differences >= differencesMax;
  }

  get #callsLeft(): number {
    return this.#options.calls - this.#calls;
  }

  /** Makes the calls of a machine, until they show something or there are no more. */
  async #converse({ script, first }: Begun, target: CallTarget, made: Made): Promise<Asked> {
    this.#begin(script.machine);
    const answers: QemuAnswer[] = [];
    for (let scene = await first; scene.calls.length > 0 && this.#options.signal?.aborted !== true; ) {
      const answering = ask(target, scene);
      // QEMU is at work: meanwhile the next calls are made up, or another machine begins.
      const ahead = await script.next();
      if (ahead.calls.length === 0) this.#planned.prepare(this.#callsLeft - scene.calls.length);
      const asked = await answering;
      this.#count(scene, asked);
      for (const [at, answer] of asked.answers.entries()) {
        made.calls.push(scene.calls[at]!);
        made.expected.push(scene.expected[at]!);
        answers.push(answer);
      }
      this.#tell(null);
      if (asked.shown !== null) return { answers, shown: { ...asked.shown, at: answers.length - 1 } };
      scene = ahead;
    }
    return { answers, shown: null };
  }

  async #take(found: LiveCase, { answers }: Asked, shown: Shown): Promise<void> {
    if (shown.kind === 'difference') this.#differences++;
    await this.#findings.take(found, answers, shown);
  }

  #begin(machine: QemuMachine): void {
    this.#machine = machine;
    this.#machines++;
    this.#versions.add(machine.machine ?? 'pseries');
  }

  /** Counts what was answered as specified. */
  #count({ calls, states }: Scene, { answers, shown }: Asked): void {
    this.#calls += answers.length;
    const specified = shown?.kind === 'difference' ? shown.at : answers.length;
    for (let at = 0; at < specified; at++) {
      this.#coverage.saw(calls[at]!, answers[at]!, states[at], states[at + 1]);
    }
  }

  #tell(shrinking: { readonly tries: number; readonly calls: number } | null): void {
    if (this.#machine === null) return;
    this.#options.onProgress?.({
      calls: this.#calls,
      machines: this.#machines,
      findings: this.#findings.count,
      machine: this.#machine,
      shrinking,
    });
  }
}
