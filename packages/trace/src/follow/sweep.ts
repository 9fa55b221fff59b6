/** A run of H_STUFF_TCE of 0 from one address on, as a kernel clears a table that it takes into use. */
export interface Sweep {
  readonly start: bigint;
  next: bigint;
  calls: number;
  /** Entries that were still mapped. */
  cleared: number;
  /** Line of the oldest of them. */
  firstMapped: number | null;
}

/** The sweeps under way, one for each table. */
export class Sweeps {
  readonly #sweeps = new Map<number, Sweep>();

  /**
   * A STUFF of 0 went over [start, end).
   * @returns the sweep that it belongs to
   */
  stuffed(liobn: number, start: bigint, end: bigint, cleared: number, firstMapped: number | null): Sweep {
    const going = this.#sweeps.get(liobn);
    if (going !== undefined && going.next === start) {
      going.next = end;
      going.calls++;
      going.cleared += cleared;
      going.firstMapped ??= cleared > 0 ? firstMapped : null;
      return going;
    }
    const sweep = { start, next: end, calls: 1, cleared, firstMapped: cleared > 0 ? firstMapped : null };
    this.#sweeps.set(liobn, sweep);
    return sweep;
  }

  /** Takes over what is under way elsewhere. */
  continue(other: Sweeps): void {
    for (const [liobn, sweep] of other.#sweeps) this.#sweeps.set(liobn, { ...sweep });
  }

  /** Something else happened to the table: the sweep over it has ended. */
  ended(liobn: number): Sweep | undefined {
    const sweep = this.#sweeps.get(liobn);
    if (sweep !== undefined) this.#sweeps.delete(liobn);
    return sweep;
  }

  /** Every sweep has ended: the guest turned to something else. */
  allEnded(): readonly (readonly [number, Sweep])[] {
    if (this.#sweeps.size === 0) return [];
    const ended = [...this.#sweeps];
    this.#sweeps.clear();
    return ended;
  }
}
