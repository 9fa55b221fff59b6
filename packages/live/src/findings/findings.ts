import type { WindowSwitches } from '@spapr-dma/qemu-spapr';
import type { QemuAnswer } from '@spapr-dma/trace';
import type { LiveFinding } from '../run/report.js';
import { type LiveCase, shrink } from '../shrink/shrink.js';
import type { StartTarget } from '../target.js';
import { abortText, differenceText } from './answer-text.js';
import type { Asked, Specified } from './ask.js';
import { findingFile, stepsOf, type WrittenCase, writeCase } from './case-file.js';
import { isHarmless, playCase, specified } from './play-case.js';
import { isLost, keyOf, type Shown, shownBy } from './shown.js';

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

/** Calls, a machine's answers, and what these show. */
interface ShownCase extends LiveCase, Asked {
  readonly shown: Shown;
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
    const file = out === null ? null : findingFile(out, shortest.shown, seed, this.count + 1);
    const text = textOf(shortest.shown);
    if (file !== null) writeCase(file, shortest, shortest.answers, { text });
    const steps = stepsOf(shortest, shortest.answers);
    return findingOf(shortest.shown, { file, steps }, { known: false, repeatable });
  }

  /** The shortest that shows the same on fresh machines, with the answers there; null where none does. */
  async #shrunk(found: LiveCase, shown: Shown): Promise<ShownCase | null> {
    const foreseen = await this.#foreseen(found, shown);
    const confirmed = foreseen && (await this.#shownBy(foreseen, shown));
    return confirmed ?? this.#shrunkByAsking(found, shown);
  }

  /**
   * The shortest that would show the same on a QEMU 7.2 as it was released. It is found without asking one, which is
   * a thousand times faster; null where that QEMU would show something else.
   */
  async #foreseen(found: LiveCase, { kind, at }: Shown): Promise<LiveCase | null> {
    const shown = this.#shownBySpecification(found);
    if (shown?.kind !== kind || shown.at !== at) return null;
    const fails = async (candidate: LiveCase): Promise<boolean> => {
      const other = this.#shownBySpecification(candidate);
      return other !== null && keyOf(other) === keyOf(shown);
    };
    return shrink(found, fails, this.#limits());
  }

  #shownBySpecification(candidate: LiveCase): Shown | null {
    const { switches } = this.#options;
    const made = specified(candidate, switches);
    if (made === null || !isHarmless(made)) return null;
    const released = Object.keys(switches).length === 0 ? made : specified(candidate, {});
    return released && shownBy(made.calls, made.expected, released.expected);
  }

  async #shrunkByAsking(found: LiveCase, shown: Shown): Promise<ShownCase | null> {
    let shortest = await this.#shownBy(found, shown);
    if (shortest === null) return null;
    const fails = async (candidate: LiveCase): Promise<boolean> => {
      const shorter = await this.#shownBy(candidate, shown);
      shortest = shorter ?? shortest;
      return shorter !== null;
    };
    await shrink(found, fails, { ...this.#limits(), triesMax: isLost(shown) ? LOST_TRIES_MAX : TRIES_MAX });
    return shortest;
  }

  #limits() {
    const { signal, onShrinking } = this.#options;
    return { ...(signal && { signal }), onProgress: onShrinking };
  }

  /** The case with a fresh machine's answers, if they show something of the same kind. */
  async #shownBy(candidate: LiveCase, like: Shown): Promise<ShownCase | null> {
    const made = specified(candidate, this.#options.switches);
    if (made === null || made.calls.length === 0 || !isHarmless(made)) return null;
    // Only a QEMU that must end can end as specified.
    if (like.kind === 'abort' && made.expected.at(-1)?.kind !== 'abort') return null;
    const { answers, shown } = await this.#played(candidate, made);
    return shown !== null && keyOf(shown) === keyOf(like) ? { ...candidate, answers, shown } : null;
  }

  async #played({ machine }: LiveCase, made: Specified): Promise<Asked> {
    try {
      return await playCase(this.#options.start, machine, made);
    } catch {
      // A machine made simpler may be one that QEMU does not start.
      return { answers: [], shown: null };
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
