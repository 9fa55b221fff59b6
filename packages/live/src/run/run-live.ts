import type { QemuAnswer, QemuCall, QemuMachine } from '@spapr-dma/trace';
import { Coverage } from '../coverage/coverage.js';
import { type Asked, ask } from '../findings/ask.js';
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
 * @throws what `start` throws where a machine cannot be started
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
      const target = await begun.target;
      try {
        await this.#converse(begun, target);
      } finally {
        this.#planned.leave(target);
      }
    }
  }

  async close(): Promise<void> {
    await this.#planned.close();
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
      seconds: (performance.now() - this.#began) / 1000,
    };
  }

  get #isOver(): boolean {
    const { calls, signal, until } = this.#options;
    return this.#calls >= calls || signal?.aborted === true || (until !== undefined && this.#differences > 0);
  }

  get #callsLeft(): number {
    return this.#options.calls - this.#calls;
  }

  /** Makes the calls of a machine, until they show something or there are no more. */
  async #converse({ script, first }: Begun, target: CallTarget): Promise<void> {
    this.#begin(script.machine);
    const calls: QemuCall[] = [];
    const answers: QemuAnswer[] = [];
    for (let scene = await first; scene.calls.length > 0 && this.#options.signal?.aborted !== true; ) {
      const answering = ask(target, scene);
      // QEMU is at work: meanwhile the next calls are made up, or another machine begins.
      const ahead = await script.next();
      if (script.isOver && ahead.calls.length === 0)
        this.#planned.prepare(this.#callsLeft - scene.calls.length);
      const asked = await answering;
      this.#count(scene, asked);
      calls.push(...scene.calls.slice(0, asked.answers.length));
      answers.push(...asked.answers);
      this.#tell(null);
      if (asked.shown !== null) {
        await this.#take({ machine: script.machine, calls }, answers, asked.shown);
        return;
      }
      scene = ahead;
    }
  }

  async #take(found: LiveCase, answers: readonly QemuAnswer[], shown: Shown): Promise<void> {
    if (shown.kind === 'difference') this.#differences++;
    await this.#findings.take(found, answers, { ...shown, at: answers.length - 1 });
  }

  #begin(machine: QemuMachine): void {
    this.#machine = machine;
    this.#machines++;
    this.#versions.add(machine.machine ?? 'pseries');
  }

  /** What is answered otherwise than specified says nothing of situations. */
  #count({ calls, states }: Scene, { answers, shown }: Asked): void {
    this.#calls += answers.length;
    for (const [at, answer] of answers.entries()) {
      const isSpecified = shown?.kind !== 'difference' || at < shown.at;
      if (isSpecified) this.#coverage.saw(calls[at]!, answer, states[at], states[at + 1]);
      else this.#coverage.saw(calls[at]!, answer);
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
