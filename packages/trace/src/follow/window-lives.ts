import {
  buidOf,
  type EnabledTable,
  mappedIn,
  type QemuState,
  type SpaprTceTable,
} from '@spapr-dma/qemu-spapr';

/** One window's life as the log tells it. */
export interface WindowLife {
  readonly liobn: number;
  /** PHB index; null for a VIO device's table. */
  readonly phb: number | null;
  start: bigint;
  readonly pageShift: number;
  entries: number;
  readonly created: { readonly line: number; readonly by: string };
  removed: { readonly line: number; readonly by: string } | null;
  peak: number;
  mapped: number;
  unknown: number;
  /** Line of the oldest mapping since the window was last empty; null while it is. */
  firstMapped: number | null;
  /** The guest itself made it, by a create. */
  readonly isDynamic: boolean;
}

/** Windows that are listed after their end; the rest is summed. */
const CLOSED_MAX = 10_000;

/** What became of the windows beyond those that are listed. */
export interface OmittedWindows {
  readonly count: number;
  readonly peak: number;
  readonly leftMapped: number;
}

/** Every window that the log tells of: those that exist, and those that have gone. */
export class WindowLives {
  readonly #open = new Map<number, WindowLife>();
  readonly #closed: WindowLife[] = [];
  #omitted: OmittedWindows = { count: 0, peak: 0, leftMapped: 0 };

  /** Takes over the windows that exist elsewhere. */
  continue(other: WindowLives): void {
    for (const life of other.open) this.#open.set(life.liobn, { ...life });
  }

  openAt(liobn: number): WindowLife | undefined {
    return this.#open.get(liobn);
  }

  /** Windows in the order of their making. */
  get all(): readonly WindowLife[] {
    return [...this.#closed, ...this.#open.values()].sort(
      (a, b) => a.created.line - b.created.line || a.liobn - b.liobn,
    );
  }

  get open(): readonly WindowLife[] {
    return [...this.#open.values()];
  }

  get omitted(): OmittedWindows {
    return this.#omitted;
  }

  opened(table: EnabledTable, line: number, by: string): WindowLife {
    const mapped = mappedIn(table);
    const life: WindowLife = {
      liobn: table.liobn,
      phb: table.owner.kind === 'phb' ? table.owner.index : null,
      start: table.busOffset,
      pageShift: table.pageShift,
      entries: table.nbTable,
      created: { line, by },
      removed: null,
      peak: mapped,
      mapped,
      unknown: 0,
      firstMapped: mapped > 0 ? line : null,
      isDynamic: by === 'ibm,create-pe-dma-window',
    };
    this.#open.set(table.liobn, life);
    return life;
  }

  closed(liobn: number, line: number, by: string): WindowLife | undefined {
    const life = this.#open.get(liobn);
    if (life === undefined) return undefined;
    this.#open.delete(liobn);
    life.removed = { line, by };
    if (this.#closed.length < CLOSED_MAX) this.#closed.push(life);
    else {
      const { count, peak, leftMapped } = this.#omitted;
      this.#omitted = {
        count: count + 1,
        peak: Math.max(peak, life.peak),
        leftMapped: leftMapped + life.mapped,
      };
    }
    return life;
  }

  /** Takes an occupancy over. */
  occupied(life: WindowLife, mapped: number, line: number): void {
    if (mapped > life.peak) life.peak = mapped;
    if (life.mapped === 0 && mapped > 0) life.firstMapped = line;
    if (mapped === 0) life.firstMapped = null;
    life.mapped = mapped;
  }
}

/** A window that was made anew is another one, also under the same LIOBN. */
const isSameWindow = (before: EnabledTable, after: SpaprTceTable | undefined): boolean =>
  after?.mode === 'enabled' && (after.view === before.view || after.owner.kind === 'vio');

/** Which windows went and which came between two states. A window that came is another one than went. */
export function changedWindows(
  before: QemuState,
  after: QemuState,
): { readonly gone: readonly EnabledTable[]; readonly come: readonly EnabledTable[] } {
  if (before.tables === after.tables) return { gone: [], come: [] };
  const old = new Map(before.tables.map((table) => [table.liobn, table]));
  const now = new Map(after.tables.map((table) => [table.liobn, table]));
  const gone: EnabledTable[] = [];
  const come: EnabledTable[] = [];
  for (const table of old.values()) {
    if (table.mode === 'enabled' && !isSameWindow(table, now.get(table.liobn))) gone.push(table);
  }
  for (const table of now.values()) {
    const was = old.get(table.liobn);
    if (table.mode !== 'enabled') continue;
    if (was?.mode !== 'enabled' || !isSameWindow(was, table)) come.push(table);
  }
  return { gone, come };
}

/** The BUID of a window's PHB, as reports write it. */
export const buidText = ({ phb }: WindowLife): string | null =>
  phb === null ? null : `0x${buidOf(phb).toString(16)}`;
