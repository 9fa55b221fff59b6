/** What is counted over time. */
export type RateKind = 'put' | 'stuff' | 'indirect' | 'get' | 'xlate';
const KINDS: readonly RateKind[] = ['put', 'stuff', 'indirect', 'get', 'xlate'];

export type RateBucket = { readonly at: number } & Readonly<Record<RateKind, number>>;

const BUCKETS = 512;
const FIRST_SECONDS = 0.001;

/**
 * Calls over time in at most 512 buckets: when the time outgrows them, neighbours are joined and each
 * bucket spans twice as long. A log without timestamps is divided by its lines.
 */
export class Rates {
  /** Seconds, or lines where there are no timestamps. */
  #width = FIRST_SECONDS;
  #isTimed = true;
  #first: number | null = null;
  #used = 0;
  readonly #counts: Readonly<Record<RateKind, Float64Array>> = {
    put: new Float64Array(BUCKETS),
    stuff: new Float64Array(BUCKETS),
    indirect: new Float64Array(BUCKETS),
    get: new Float64Array(BUCKETS),
    xlate: new Float64Array(BUCKETS),
  };

  /** @param seconds null in a log without timestamps */
  count(kind: RateKind, seconds: number | null, line: number): void {
    const at = seconds ?? line;
    if (this.#first === null) {
      this.#first = at;
      this.#isTimed = seconds !== null;
      if (!this.#isTimed) this.#width = 1;
    }
    let bucket = Math.max(0, Math.floor((at - this.#first) / this.#width));
    while (bucket >= BUCKETS) {
      this.#join();
      bucket = Math.floor((at - this.#first) / this.#width);
    }
    if (bucket >= this.#used) this.#used = bucket + 1;
    (this.#counts[kind] as Float64Array)[bucket] = (this.#counts[kind][bucket] as number) + 1;
  }

  /** How long a bucket lasts; null where nothing was counted, and in a log without timestamps. */
  get bucketSeconds(): number | null {
    return this.#first === null || !this.#isTimed ? null : this.#width;
  }

  /** The buckets that hold something, by their beginning in seconds, or lines, since the first call. */
  get buckets(): readonly RateBucket[] {
    const buckets: RateBucket[] = [];
    for (let at = 0; at < this.#used; at++) {
      const counts = Object.fromEntries(KINDS.map((kind) => [kind, this.#counts[kind][at]])) as Record<
        RateKind,
        number
      >;
      if (KINDS.some((kind) => counts[kind] > 0)) buckets.push({ at: rounded(at * this.#width), ...counts });
    }
    return buckets;
  }

  #join(): void {
    this.#width *= 2;
    for (const kind of KINDS) {
      const counts = this.#counts[kind];
      for (let at = 0; at < BUCKETS / 2; at++)
        counts[at] = (counts[2 * at] as number) + (counts[2 * at + 1] as number);
      counts.fill(0, BUCKETS / 2);
    }
    this.#used = Math.ceil(this.#used / 2);
  }
}

const rounded = (seconds: number): number => Math.round(seconds * 1e6) / 1e6;
