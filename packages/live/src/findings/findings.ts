import type { WindowSwitches } from '@spapr-dma/qemu-spapr';
import type { QemuAnswer } from '@spapr-dma/trace';
import type { LiveFinding } from '../run/report.js';
import { type LiveCase, shrink } from '../shrink/shrink.js';
import type { StartTarget } from '../target.js';
import { abortText, differenceText } from './answer-text.js';
import type { Asked } from './ask.js';
import { findingFile, stepsOf, type WrittenCase, writeCase } from './case-file.js';
import { playCase, specified } from './play-case.js';
import { isLost, keyOf, type Shown } from './shown.js';

/** Fresh machines that one finding may cost. */
const TRIES_MAX = 1500;
/** The same where each of them is waited for. */
const LOST_TRIES_MAX = 20;

export interface FindingsOptions {
  readonly start: StartTarget;
  readonly switches: Partial<WindowSwitches>;
  readonly seed: number;
  /** Folder for files; null: none are written. */
  readonly out: string | null;
  /** What is known, by its key. */
  readonly known: ReadonlyMap<string, WrittenCase>;
  readonly signal: AbortSignal | undefined;
  readonly onShrinking: (progress: { readonly tries: number; readonly calls: number }) => void;
}

/** What a run found. What is of one kind is shrunk and written once, and then counted. */
export class Findings {
  readonly #options: FindingsOptions;
  readonly #found = new Map<string, LiveFinding>();

  constructor(options: FindingsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#found.size;
  }

  list(): readonly LiveFinding[] {
    return [...this.#found.values()];
  }

  /**
   * Takes what a machine showed.
   * @param found all calls that were made on it, up to the one that shows it
   * @param answers QEMU's, to each of them
   */
  async take(found: LiveCase, answers: readonly QemuAnswer[], shown: Shown): Promise<void> {
    const key = keyOf(shown);
    const before = this.#found.get(key);
    const finding =
      before === undefined
        ? (this.#knownFinding(shown) ?? (await this.#newFinding(found, answers, shown)))
        : { ...before, times: before.times + 1 };
    this.#found.set(key, finding);
  }

  #knownFinding(shown: Shown): LiveFinding | undefined {
    const known = this.#options.known.get(keyOf(shown));
    return known && findingOf(shown, known, { known: true, repeatable: true });
  }

  async #newFinding(found: LiveCase, answers: readonly QemuAnswer[], shown: Shown): Promise<LiveFinding> {
    const shrunk = await this.#shrunk(found, shown);
    const repeatable = shrunk !== null;
    const shortest = shrunk ?? { ...found, answers, shown };
    const { out, seed } = this.#options;
    const file = out === null ? null : findingFile(out, shown, seed, this.count + 1);
    const text = textOf(shortest.shown);
    if (file !== null) writeCase(file, shortest, shortest.answers, { text });
    const steps = stepsOf(shortest, shortest.answers);
    return findingOf(shortest.shown, { file, steps }, { known: false, repeatable });
  }

  /** The shortest that shows the same on fresh machines, with the answers there; null where none does. */
  async #shrunk(
    found: LiveCase,
    shown: Shown,
  ): Promise<(LiveCase & Asked & { readonly shown: Shown }) | null> {
    const { signal, onShrinking } = this.#options;
    let last: (Asked & { readonly shown: Shown }) | null = null;
    const fails = async (candidate: LiveCase): Promise<boolean> => {
      const asked = await this.#asked(candidate, shown);
      if (asked?.shown == null || keyOf(asked.shown) !== keyOf(shown)) return false;
      last = { ...asked, shown: asked.shown };
      return true;
    };
    if (!(await fails(found))) return null;
    const triesMax = isLost(shown) ? LOST_TRIES_MAX : TRIES_MAX;
    const shortest = await shrink(found, fails, {
      triesMax,
      ...(signal && { signal }),
      onProgress: onShrinking,
    });
    return last && { ...shortest, ...(last as Asked & { readonly shown: Shown }) };
  }

  /** What a fresh machine answers; null where it cannot show the same, or cannot be started. */
  async #asked(candidate: LiveCase, { kind }: Shown): Promise<Asked | null> {
    const made = specified(candidate, this.#options.switches);
    if (made === null || made.calls.length === 0) return null;
    if (kind === 'abort' && made.expected.at(-1)?.kind !== 'abort') return null;
    try {
      return await playCase(this.#options.start, candidate.machine, made);
    } catch {
      // A machine made simpler may be one that QEMU does not start.
      return null;
    }
  }
}

function textOf({ kind, call, expected, observed }: Shown): string {
  return kind === 'abort' && observed.kind === 'abort'
    ? abortText(call, observed)
    : differenceText(call, expected, observed);
}

const findingOf = (
  shown: Shown,
  { file, steps }: WrittenCase,
  { known, repeatable }: Pick<LiveFinding, 'known' | 'repeatable'>,
): LiveFinding => ({
  kind: shown.kind,
  file,
  calls: steps.length,
  text: textOf(shown),
  steps,
  times: 1,
  known,
  repeatable,
});
