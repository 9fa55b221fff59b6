import type { Tce, TceCount, TceIndex } from '@spapr-dma/protocol';
import { highOf, lowOf } from './halves.js';
import {
  branchNode,
  childrenOf,
  halvesOf,
  isUniformly,
  leafNode,
  type Node,
  type Uniform,
  uniform,
} from './node.js';
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
  readonly halves: number[];
}

interface DraftBranch {
  readonly before: Node;
  readonly children: Node[];
  readonly drafts: (Draft | undefined)[];
}

class Editor implements TceEditor {
  private readonly table: TceTable;
  private readonly width: number;
  private root: Draft;
  private open = true;
  /** The draft of a leaf that the last write went to, and the range of entries it holds. */
  private leaf: number[] = [];
  private leafFirst = 0;
  private leafEnd = 0;

  constructor(table: TceTable) {
    this.table = table;
    this.width = rootWidth(table.entries, table.height);
    this.root = draftOf(table.root, table.height, this.width);
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
    fillDraft(this.root, this.table.height, first, first + count, uniform(high >>> 0, low >>> 0));
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

  /** Makes the leaf of an entry the one to write to; false if the entry is `high` and `low` without a leaf. */
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
        child = draftOf(before, height - 1, widthOf(height - 1));
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

function draftOf(node: Node, height: number, width: number): Draft {
  return height === 0
    ? { before: node, halves: halvesOf(node, width) }
    : {
        before: node,
        children: childrenOf(node, width),
        drafts: new Array<undefined>(width).fill(undefined),
      };
}

/** Fills a range from `from` up to, not including, `to`; both count from the first entry of the draft. */
function fillDraft(draft: Draft, height: number, from: number, to: number, value: Uniform): void {
  if (height === 0) {
    const { halves } = draft as DraftLeaf;
    for (let at = 2 * from; at < 2 * to; at += 2) {
      halves[at] = value.high;
      halves[at + 1] = value.low;
    }
    return;
  }
  const { children, drafts } = draft as DraftBranch;
  const span = spanOf(height - 1);
  const lastSlot = Math.floor((to - 1) / span);
  for (let slot = Math.floor(from / span); slot <= lastSlot; slot += 1) {
    const start = Math.max(from - slot * span, 0);
    const end = Math.min(to - slot * span, span);
    if (end - start === span) {
      children[slot] = value;
      drafts[slot] = undefined;
    } else {
      const child = drafts[slot] ?? draftOf(children[slot]!, height - 1, widthOf(height - 1));
      drafts[slot] = child;
      fillDraft(child, height - 1, start, end, value);
    }
  }
}

/** The finished subtree: canonical, with its counts, and the one that was there before if it is equal to it. */
function finished(draft: Draft, height: number): Node {
  let node: Node;
  if (height === 0) {
    node = leafNode((draft as DraftLeaf).halves);
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
