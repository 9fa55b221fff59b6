import { DEFAULT_WINDOW_PAGE_SHIFT } from '@spapr-dma/protocol';
import {
  type EnabledTable,
  type Phb,
  pageBytesOf,
  type QemuState,
  type SpaprTceTable,
  type StuckTable,
} from '@spapr-dma/qemu-spapr';
import { eduId } from '@spapr-dma/trace';
import { isMoved, overlap } from './window-facts.js';

const REGISTER = 0xffff_ffff_ffff_ffffn;

/** A place that calls may mean: a window, or what would be one. */
export interface Place {
  readonly liobn: bigint;
  /** What it is of: a PHB's index, or -1 for a VIO device. */
  readonly phb: number;
  readonly start: bigint;
  /** The IOBA after the last page. */
  readonly end: bigint;
  readonly pageShift: number;
  readonly pageBytes: bigint;
  readonly pages: number;
}

/** What calls can be about: made anew only where windows or PHBs changed, since that is seldom. */
export interface Scene {
  /** Every window there is, those of VIO devices too. */
  readonly windows: readonly Place[];
  readonly phbWindows: readonly Place[];
  readonly vioWindows: readonly Place[];
  /** Windows of a PHB that overlap another one of it. */
  readonly overlapping: readonly Place[];
  /** Windows that devices find elsewhere than hypercalls do. */
  readonly moved: readonly Place[];
  /** Slots without a window, as if there were one. */
  readonly disabled: readonly Place[];
  readonly stuck: readonly Place[];
  /** What a call without any window may mean. */
  readonly nowhere: Place;
  readonly phbs: readonly Phb[];
  /** Indexes of PHBs with the device that does DMA, where its buffer can be seen, and of those with no device at all. */
  readonly withDevice: readonly number[];
  readonly withoutDevice: readonly number[];
  readonly dying: readonly Phb[];
}

/** A device's buffer is seen through a page that is as large; where there is no window at all it holds zeros. */
const BUFFER_SHIFT = 12;
const isSeenThrough = (windows: readonly EnabledTable[]): boolean =>
  windows.length === 0 || windows.some(({ pageShift }) => pageShift >= BUFFER_SHIFT);

const placeOf = (table: EnabledTable | StuckTable, pages: number): Place => {
  const pageBytes = pageBytesOf(table.pageShift);
  return {
    liobn: BigInt(table.liobn),
    phb: table.owner.kind === 'phb' ? table.owner.index : -1,
    start: table.busOffset,
    end: (table.busOffset + BigInt(pages) * pageBytes) & REGISTER,
    pageShift: table.pageShift & 63,
    pageBytes,
    pages,
  };
};

/** A slot without a window, as if the default one were there. */
const emptyPlace = (liobn: bigint, phb: number, start: bigint): Place => ({
  liobn,
  phb,
  start,
  end: (start + 0x10_0000n) & REGISTER,
  pageShift: DEFAULT_WINDOW_PAGE_SHIFT,
  pageBytes: 0x1000n,
  pages: 256,
});

function madeScene({ tables, phbs, devices }: QemuState): Scene {
  const dying = phbs.filter(({ mode }) => mode === 'dying');
  const present = phbs.filter(({ mode }) => mode === 'present').map(({ properties }) => properties.index);
  const isDying = ({ owner }: SpaprTceTable): boolean =>
    owner.kind === 'phb' && dying.some(({ properties }) => properties.index === owner.index);
  const living = tables.filter((table) => !isDying(table));
  const enabled = living.filter((table) => table.mode === 'enabled');
  const places = new Map(enabled.map((table) => [table, placeOf(table, table.nbTable)]));
  const placesOf = (some: readonly EnabledTable[]): readonly Place[] =>
    some.map((table) => places.get(table) as Place);
  const isPhbs = ({ owner }: EnabledTable): boolean => owner.kind === 'phb';
  const windowsOf = (phb: number) =>
    enabled.filter(({ owner }) => owner.kind === 'phb' && owner.index === phb);
  const dynamicStart = (phb: number) =>
    phbs.find(({ properties }) => properties.index === phb)?.properties.dma64WinAddr ?? 0n;
  const empty = (table: SpaprTceTable): Place => {
    const phb = table.owner.kind === 'phb' ? table.owner.index : -1;
    return emptyPlace(BigInt(table.liobn), phb, dynamicStart(phb));
  };
  return {
    windows: placesOf(enabled),
    phbWindows: placesOf(enabled.filter(isPhbs)),
    vioWindows: placesOf(enabled.filter((table) => !isPhbs(table))),
    overlapping: placesOf(
      enabled.filter(
        (table) =>
          table.owner.kind === 'phb' &&
          windowsOf(table.owner.index).some((other) => other !== table && overlap(table, other)),
      ),
    ),
    moved: placesOf(enabled.filter(isMoved)),
    disabled: living.filter((table) => table.mode === 'disabled').map(empty),
    stuck: living.filter((table) => table.mode === 'stuck').map((table) => placeOf(table, 0)),
    nowhere: emptyPlace(0n, -1, 0n),
    phbs: phbs.filter(({ mode }) => mode === 'present'),
    withDevice: present.filter(
      (index) => devices.some(({ id }) => id === eduId(index)) && isSeenThrough(windowsOf(index)),
    ),
    withoutDevice: present.filter((index) => devices.every(({ phb }) => phb !== index)),
    dying,
  };
}

/** Do two states of a table differ in more than entries? A window's region is made once and kept. */
function isOtherTable(a: SpaprTceTable, b: SpaprTceTable): boolean {
  if (a === b) return false;
  if (a.mode !== b.mode || a.liobn !== b.liobn) return true;
  if (a.mode === 'disabled' || b.mode === 'disabled') return false;
  if (a.pageShift !== b.pageShift || a.busOffset !== b.busOffset) return true;
  return a.mode === 'enabled' && b.mode === 'enabled' && a.region !== b.region;
}

/** Looks at one state after the other. */
export class Scenery {
  #tables: readonly SpaprTceTable[] = [];
  #phbs: readonly Phb[] | null = null;
  #scene: Scene | null = null;

  sceneOf(state: QemuState): Scene {
    const { tables, phbs } = state;
    const isSame = this.#phbs === phbs && !this.#differs(tables);
    if (this.#scene === null || !isSame) this.#scene = madeScene(state);
    this.#tables = tables;
    this.#phbs = phbs;
    return this.#scene;
  }

  #differs(tables: readonly SpaprTceTable[]): boolean {
    const before = this.#tables;
    if (before === tables) return false;
    if (before.length !== tables.length) return true;
    for (let at = 0; at < tables.length; at++)
      if (isOtherTable(before[at] as SpaprTceTable, tables[at] as SpaprTceTable)) return true;
    return false;
  }
}
