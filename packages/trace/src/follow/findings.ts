/** What a report points out. None of it makes a log wrong. */
export type FindingKind =
  | 'left-mapped'
  | 'overwrite'
  | 'refused'
  | 'fault'
  | 'overlap'
  | 'no-ddw'
  | 'nearly-full'
  | 'hotplug-cost';

export interface Finding {
  readonly kind: FindingKind;
  readonly liobn: string | null;
  readonly line: number;
  readonly lastLine: number;
  readonly count: number;
  readonly text: string;
}

interface Group {
  readonly kind: FindingKind;
  readonly liobn: bigint | null;
  line: number;
  lastLine: number;
  count: number;
  times: number;
  readonly text: (group: {
    readonly count: number;
    readonly line: number;
    readonly lastLine: number;
  }) => string;
}

/** LIOBNs that are told apart for one kind; a guest that tries them all must not fill the memory. */
const GROUPS_MAX = 4096;

/** Findings by kind and LIOBN: how many, the first line and the last. */
export class Findings {
  readonly #groups = new Map<string, Group>();

  /** @param text says it in a sentence, from what the group holds in the end */
  add(
    kind: FindingKind,
    liobn: bigint | null,
    at: { readonly line: number; readonly lastLine?: number; readonly count?: number },
    text: Group['text'],
  ): void {
    const key = `${kind} ${liobn}`;
    const { line, lastLine = line, count = 1 } = at;
    const group = this.#groups.get(key);
    if (group !== undefined) {
      group.count += count;
      group.times++;
      group.line = Math.min(group.line, line);
      group.lastLine = Math.max(group.lastLine, lastLine);
    } else if (this.#groups.size < GROUPS_MAX) {
      this.#groups.set(key, { kind, liobn, line, lastLine, count, times: 1, text });
    }
  }

  /** In the order in which they began. */
  list(): readonly Finding[] {
    return [...this.#groups.values()]
      .sort((a, b) => a.line - b.line)
      .map((group) => ({
        kind: group.kind,
        liobn: group.liobn === null ? null : `0x${group.liobn.toString(16)}`,
        line: group.line,
        lastLine: group.lastLine,
        count: group.count,
        text:
          group.times === 1 ? group.text(group) : `${group.text(group)} This happened ${group.times} times.`,
      }));
  }
}
