import { high32, join32, low32, type Tce, type TceCount, type TceIndex } from '@spapr-dma/protocol';
import { edit, forEachRun, type LevelPages, type TceTable, tceAt, withFill } from '@spapr-dma/tce-table';
import type { IommuTable, StrayWord } from './state.js';

/**
 * The words of a table's two trees. The kernel does not check an index, so one beyond the end reaches other
 * memory: of a table of one level, the userspace view that lies behind it (call order A: 4 MiB at 0x6400000,
 * the view at 0x6800000), else words that belong to nobody.
 *
 * Abstraction: what lies behind is memory of nobody else, zero at first, and a view always lies right behind
 * its table of one level.
 */
export type TreeName = 'hardware' | 'userspace';

/** A piece of a range of words: in a tree, or behind one. */
interface Piece {
  readonly place: 'in' | 'behind';
  readonly tree: TreeName;
  /** The index in the tree, or words from its end. */
  readonly at: number;
  readonly count: number;
}

/** The tree of that name. @throws where a table of the host is asked for a view it has not. */
export function treeOf(table: IommuTable, tree: TreeName): { tces: TceTable; levels: LevelPages } {
  if (tree === 'hardware') return { tces: table.hardware, levels: table.hardwareLevels };
  if (table.userspace === null) throw new Error(`table ${table.table} has no userspace view`);
  return { tces: table.userspace.slots, levels: table.userspace.levels };
}

const withTree = (table: IommuTable, tree: TreeName, tces: TceTable): IommuTable =>
  tree === 'hardware'
    ? { ...table, hardware: tces }
    : { ...table, userspace: { ...table.userspace!, slots: tces } };

/** How many of a range's words lie in the tree; the rest lies behind it. */
export const countInTree = (table: IommuTable, first: TceIndex, count: TceCount): TceCount =>
  Math.max(0, Math.min(count, table.hardware.entries - first)) as TceCount;

function piecesOf(table: IommuTable, tree: TreeName, first: number, count: number): readonly Piece[] {
  const inside = countInTree(table, first as TceIndex, count as TceCount);
  const pieces: Piece[] = inside > 0 ? [{ place: 'in', tree, at: first, count: inside }] : [];
  const left = count - inside;
  if (left === 0) return pieces;
  const behind = Math.max(0, first - table.hardware.entries);
  return tree === 'hardware' && table.levels === 1 && table.userspace !== null
    ? [...pieces, ...piecesOf(table, 'userspace', behind, left)]
    : [...pieces, { place: 'behind', tree, at: behind, count: left }];
}

/** Sees words of a range that are equal and not zero, by their place from the start of the range. */
export type WordVisitor = (offset: number, count: number, word: Tce) => void;

/** Visits, in order, the words of a range that are not zero, as runs of equal ones. */
export function forEachWord(
  table: IommuTable,
  tree: TreeName,
  first: TceIndex,
  count: TceCount,
  visit: WordVisitor,
): void {
  let offset = 0;
  for (const piece of piecesOf(table, tree, first, count)) {
    const start = offset;
    if (piece.place === 'in') {
      const { tces } = treeOf(table, piece.tree);
      const seen = (at: number, length: number, high: number, low: number) =>
        visit(start + at - piece.at, length, join32(high, low) as Tce);
      forEachRun(tces, seen, piece.at as TceIndex, piece.count as TceCount);
    } else {
      for (const { behind, at, word } of table.stray) {
        if (behind === piece.tree && at >= piece.at && at < piece.at + piece.count) {
          visit(start + at - piece.at, 1, word);
        }
      }
    }
    offset += piece.count;
  }
}

/** A word. */
export function wordAt(table: IommuTable, tree: TreeName, index: TceIndex): Tce {
  const { tces } = treeOf(table, tree);
  if (index < tces.entries) return tceAt(tces, index);
  let found = 0n as Tce;
  forEachWord(table, tree, index, 1 as TceCount, (_, __, word) => {
    found = word;
  });
  return found;
}

/** The table with the words of a range set to `word`, `word + step`, `word + 2 * step` and so on. */
export function withWords(
  table: IommuTable,
  tree: TreeName,
  first: TceIndex,
  count: TceCount,
  word: bigint,
  step: bigint,
): IommuTable {
  let after = table;
  let next = word;
  for (const piece of piecesOf(table, tree, first, count)) {
    after =
      piece.place === 'in'
        ? withTree(after, piece.tree, filled(treeOf(after, piece.tree).tces, piece, next, step))
        : withStray(after, piece, next, step);
    next += step * BigInt(piece.count);
  }
  return after;
}

function filled(tces: TceTable, { at, count }: Piece, word: bigint, step: bigint): TceTable {
  if (step === 0n || count === 1) return withFill(tces, at as TceIndex, count as TceCount, word as Tce);
  return edit(tces, (editor) => {
    let next = word;
    for (let index = at; index < at + count; index += 1) {
      editor.put(index as TceIndex, high32(next), low32(next));
      next += step;
    }
  });
}

function withStray(table: IommuTable, piece: Piece, word: bigint, step: bigint): IommuTable {
  const isHere = ({ behind, at }: StrayWord): boolean =>
    behind === piece.tree && at >= piece.at && at < piece.at + piece.count;
  const stray = table.stray.filter((each) => !isHere(each));
  // A range of zeros may be as long as a window: it only takes away what was there.
  if (word !== 0n || step !== 0n) {
    for (let n = 0; n < piece.count; n += 1) {
      const value = BigInt.asUintN(64, word + step * BigInt(n)) as Tce;
      if (value !== 0n) stray.push({ behind: piece.tree, at: piece.at + n, word: value });
    }
  }
  stray.sort((a, b) => (a.behind === b.behind ? a.at - b.at : a.behind < b.behind ? -1 : 1));
  return { ...table, stray };
}
