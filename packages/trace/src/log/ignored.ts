/** Distinct names that are counted by name; a log of nothing but names must not fill the memory. */
const NAMES_MAX = 1000;
const OTHER_EVENTS = '(other events)';

/** Counts what is passed over, by name. */
export class Ignored {
  readonly #counts = new Map<string, number>();

  count(name: string): void {
    const counted = this.#counts.has(name) || this.#counts.size < NAMES_MAX ? name : OTHER_EVENTS;
    this.#counts.set(counted, (this.#counts.get(counted) ?? 0) + 1);
  }

  get counts(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort());
  }
}
