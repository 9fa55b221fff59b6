import type { Tce, TceCount, TceIndex } from '@spapr-dma/protocol';
import { branchNode, childrenOf, halvesOf, leafNode } from './build.js';
import { putInFew } from './few.js';
import { highOf, lowOf } from './halves.js';
import { isUniformly, type Node, type Uniform, uniform, zero } from './node.js';
import { sameNodes } from './same.js';
import { entryOf, leafWidth, lowerOf, rootWidth, slotOf, spanOf, upperOf, widthOf } from './shape.js';
import { assertIndex, assertRange, type TceTable } from './table.js';

/** Writes to a draft of a table, in place. Usable only while the edit lasts. */
export interface TceEditor {
  /**
   * Writes an entry, given as its two halves, of which the low 32 bits count.
   * @throws RangeError if the table has no such entry.
   */
  put(index: TceIndex, high: number, low: number): void;
  /**
   * Writes the same entry to a whole range.
   * @throws RangeError if the range does not lie in the table.
   */
  fill(first: TceIndex, count: TceCount, high: number, low: number): void;
}

/**
 * The table after many writes. They happen in place on a draft which nobody else sees, so a leaf is copied
 * once, not once a write. Nothing of this shows from outside: the result is the table that the same writes
 * make one by one, `table` stays what it was, and is answered itself if nothing changed.
 *
 * If `write` throws, the draft is dropped and the exception goes on.
 */
export function edit(table: TceTable, write: (editor: TceEditor) => void): TceTable {
  const draft = new Editor(table);
  write(draft);
  const root = draft.close();
  return root === table.root ? table : { ...table, root };
}

/**
 * The table with a list of entries written from `first` on, as H_PUT_TCE_INDIRECT does.
 * @throws RangeError if the list reaches out of the table.
 */
export function withTces(table: TceTable, first: TceIndex, tces: readonly Tce[]): TceTable {
  assertRange(table, first, tces.length);
  return edit(table, (editor) => {
    for (let entry = 0; entry < tces.length; entry += 1) {
      const tce = tces[entry]!;
      editor.put((first + entry) as TceIndex, highOf(tce), lowOf(tce));
    }
  });
}

/**
 * A subtree that only the editor sees. It keeps what the subtree was, and grows a draft below each child that
 * a write has to look into; a child without a draft is as `children` has it. Which kind of draft it is, its
 * height tells.
 */
type Draft = DraftLeaf | DraftBranch;

interface DraftLeaf {
  readonly before: Node;
  /** The index of its first entry. */
  readonly first: number;
  readonly halves: number[];
}

interface DraftBranch {
  readonly before: Node;
  readonly children: Node[];
  readonly drafts: (Draft | undefined)[];
}

class Editor implements TceEditor {
  private readonly table: TceTable;
  private readonly root: Draft;
  private open = true;
  /** The draft of a leaf that the last write went to, and the range of entries it holds. */
  private leaf: number[] = [];
  private leafFirst = 0;
  private leafEnd = 0;

  constructor(table: TceTable) {
    this.table = table;
    this.root = draftOf(table.root, table.height, rootWidth(table.entries, table.height), 0);
  }

  put(index: TceIndex, high: number, low: number): void {
    if (!(index >= this.leafFirst && index < this.leafEnd && Math.floor(index) === index)) {
      this.assertOpen();
      assertIndex(this.table, index);
      if (!this.openLeaf(index, high >>> 0, low >>> 0)) return;
    }
    const at = 2 * (index - this.leafFirst);
    this.leaf[at] = high >>> 0;
    this.leaf[at + 1] = low >>> 0;
  }

  fill(first: TceIndex, count: TceCount, high: number, low: number): void {
    this.assertOpen();
    assertRange(this.table, first, count);
    if (count === 0) return;
    this.leafEnd = 0;
    fillDraft(this.root, this.table.height, 0, first, first + count, uniform(high >>> 0, low >>> 0));
  }

  /** Ends the edit and answers the root of the finished tree. */
  close(): Node {
    this.assertOpen();
    this.open = false;
    this.leafEnd = 0;
    return finished(this.root, this.table.height);
  }

  private assertOpen(): void {
    if (!this.open) throw new Error('This edit is over; its table has been handed out.');
  }

  /**
   * Makes the leaf of an entry the one to write to. Where a wider subtree has few entries or equal ones, it
   * writes the entry without making a leaf, and answers false.
   */
  private openLeaf(index: number, high: number, low: number): boolean {
    const upper = upperOf(index);
    const lower = lowerOf(index);
    let draft = this.root;
    for (let height = this.table.height; height > 0; height -= 1) {
      const branch = draft as DraftBranch;
      const slot = slotOf(height, upper, lower);
      let child = branch.drafts[slot];
      if (child === undefined) {
        const before = branch.children[slot]!;
        if (isUniformly(before, high, low)) return false;
        if (height > 1 && (before.kind === 'few' || before === zero)) {
          const put = putInFew(before, index, high, low);
          if (put !== undefined) {
            branch.children[slot] = put;
            return false;
          }
        }
        child = draftOf(before, height - 1, widthOf(height - 1), index - entryOf(lower));
        branch.drafts[slot] = child;
      }
      draft = child;
    }
    this.leaf = (draft as DraftLeaf).halves;
    this.leafFirst = index - entryOf(lower);
    this.leafEnd = Math.min(this.leafFirst + leafWidth, this.table.entries);
    return true;
  }
}

/** A draft to look into a subtree; if it is a leaf, `first` is the index of its first entry. */
function draftOf(before: Node, height: number, width: number, first: number): Draft {
  if (height === 0) return { before, first, halves: halvesOf(before, width) };
  return { before, children: childrenOf(before, height, width), drafts: noDrafts(width) };
}

const noDrafts = (width: number): undefined[] => new Array<undefined>(width).fill(undefined);

/** Fills a range from `from` up to, not including, `to`, in a draft that begins at `start`. */
function fillDraft(
  draft: Draft,
  height: number,
  start: number,
  from: number,
  to: number,
  value: Uniform,
): void {
  if (height === 0) {
    const { halves } = draft as DraftLeaf;
    for (let at = 2 * (from - start); at < 2 * (to - start); at += 2) {
      halves[at] = value.high;
      halves[at + 1] = value.low;
    }
    return;
  }
  const { children, drafts } = draft as DraftBranch;
  const span = spanOf(height - 1);
  const lastSlot = Math.floor((to - 1 - start) / span);
  for (let slot = Math.floor((from - start) / span); slot <= lastSlot; slot += 1) {
    const childStart = start + slot * span;
    const childFrom = Math.max(from, childStart);
    const childTo = Math.min(to, childStart + span);
    if (childTo - childFrom === span) {
      children[slot] = value;
      drafts[slot] = undefined;
    } else {
      const child = drafts[slot] ?? draftOf(children[slot]!, height - 1, widthOf(height - 1), childStart);
      drafts[slot] = child;
      fillDraft(child, height - 1, childStart, childFrom, childTo, value);
    }
  }
}

/** The finished subtree: canonical, with its counts, and the one that was there before if it is equal to it. */
function finished(draft: Draft, height: number): Node {
  let node: Node;
  if (height === 0) {
    const { halves, first } = draft as DraftLeaf;
    node = leafNode(halves, first);
  } else {
    const { children, drafts } = draft as DraftBranch;
    for (let slot = 0; slot < children.length; slot += 1) {
      const child = drafts[slot];
      if (child !== undefined) children[slot] = finished(child, height - 1);
    }
    node = branchNode(children, height);
  }
  return sameNodes(draft.before, node) ? draft.before : node;
}
