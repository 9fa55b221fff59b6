/** What a file of vectors showed. */
export interface VectorsReport {
  readonly format: string;
  /** Calls in the file. */
  readonly vectors: number;
  /** Calls whose answer was held against the specification's. */
  readonly compared: number;
  readonly mismatches: number;
  readonly first: {
    readonly line: number;
    readonly n: number;
    readonly op: string;
    readonly expected: unknown;
    readonly observed: unknown;
  } | null;
  readonly unmodelled: readonly {
    readonly line: number;
    readonly scenario: string | null;
    readonly n: number;
    readonly op: string;
    readonly reason: string;
  }[];
  readonly error: { readonly line: number | null; readonly text: string } | null;
}

/** A line holds at most 512 TCEs of 20 characters, and what the recorder had to say. */
export const LINE_BYTES_MAX = 1 << 20;

/** Calls that are listed one by one where they are not modelled; beyond that they are only counted. */
const UNMODELLED_MAX = 10_000;

/** Where a call stands in its file. */
export interface CallPlace {
  readonly line: number;
  readonly scenario: string | null;
  readonly n: number;
  readonly op: string;
}

/** Counts calls and keeps what the report names. */
export class Tally {
  vectors = 0;
  compared = 0;
  mismatches = 0;
  #first: VectorsReport['first'] = null;
  readonly #unmodelled: VectorsReport['unmodelled'][number][] = [];

  agreed(): void {
    this.vectors++;
    this.compared++;
  }

  differed({ line, n, op }: CallPlace, expected: unknown, observed: unknown): void {
    this.vectors++;
    this.compared++;
    this.mismatches++;
    this.#first ??= { line, n, op, expected, observed };
  }

  passedOver({ line, scenario, n, op }: CallPlace, reason: string): void {
    this.vectors++;
    if (this.#unmodelled.length < UNMODELLED_MAX) this.#unmodelled.push({ line, scenario, n, op, reason });
  }

  report(format: string, error: VectorsReport['error']): VectorsReport {
    return {
      format,
      vectors: this.vectors,
      compared: this.compared,
      mismatches: this.mismatches,
      first: this.#first,
      unmodelled: this.#unmodelled,
      error,
    };
  }
}

/** Replays the lines of one format. */
export interface VectorsReplay {
  readonly format: string;
  readonly tally: Tally;
  /** Takes one line that is not empty. @throws InputError for a line that is not of the format */
  take(text: string, line: number): void;
}
