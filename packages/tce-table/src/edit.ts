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
import { leafWidth, lowerOf, rootWidth, slotOf, spanOf, upperOf, widthOf } from './shape.js';
import { assertIndex, assertRange, halfAt, type TceTable } from './table.js';

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

/** A subtree that only the editor sees: what it was, and what it is becoming. */
type Draft = DraftLeaf | DraftBranch;
type Part = Node | Draft;

interface DraftLeaf {
  readonly kind: 'draft of a leaf';
  readonly before: Node;
  readonly halves: number[];
}

interface DraftBranch {
  readonly kind: 'draft of a branch';
  readonly before: Node;
  readonly children: Part[];
}

const isDraft = (part: Part): part is Draft =>
  part.kind === 'draft of a leaf' || part.kind === 'draft of a branch';

class Editor implements TceEditor {
  private readonly table: TceTable;
  private readonly width: number;
  private root: Part;
  private open = true;
  /** The draft of a leaf that the last write went to, and the range of entries it holds. */
  private leaf: number[] = [];
  private leafFirst = 0;
  private leafEnd = 0;

  constructor(table: TceTable) {
    this.table = table;
    this.width = rootWidth(table.entries, table.height);
    this.root = table.root;
  }

  put(index: TceIndex, high: number, low: number): void {
    if (index >= this.leafFirst && index < this.leafEnd && Math.floor(index) === index) {
      const at = 2 * (index - this.leafFirst);
      this.leaf[at] = high >>> 0;
      this.leaf[at + 1] = low >>> 0;
      return;
    }
    this.assertOpen();
    assertIndex(this.table, index);
    if (this.holds(index, high >>> 0, low >>> 0)) return;
    const leaf = this.draftLeafOf(index);
    const at = halfAt(index);
    leaf[at] = high >>> 0;
    leaf[at + 1] = low >>> 0;
  }

  fill(first: TceIndex, count: TceCount, high: number, low: number): void {
    this.assertOpen();
    assertRange(this.table, first, count);
    if (count === 0) return;
    this.leafEnd = 0;
    const value = uniform(high >>> 0, low >>> 0);
    this.root = fillPart(this.root, this.table.height, this.width, first, first + count, value);
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

  /** Whether the entry lies in a uniform subtree and is what is to be written: then nothing needs a draft. */
  private holds(index: number, high: number, low: number): boolean {
    const upper = upperOf(index);
    const lower = lowerOf(index);
    let part = this.root;
    for (let height = this.table.height; ; height -= 1) {
      if (part.kind === 'uniform') return isUniformly(part, high, low);
      if (part.kind === 'leaf' || part.kind === 'draft of a leaf') return false;
      part = part.children[slotOf(height, upper, lower)]!;
    }
  }

  private draftLeafOf(index: number): number[] {
    const upper = upperOf(index);
    const lower = lowerOf(index);
    let height = this.table.height;
    let part = draftOf(this.root, height, this.width);
    this.root = part;
    while (part.kind === 'draft of a branch') {
      const slot = slotOf(height, upper, lower);
      height -= 1;
      const child: Draft = draftOf(part.children[slot]!, height, widthOf(height));
      part.children[slot] = child;
      part = child;
    }
    this.leaf = part.halves;
    this.leafFirst = index - (index % leafWidth);
    this.leafEnd = Math.min(this.leafFirst + leafWidth, this.table.entries);
    return part.halves;
  }
}

function draftOf(part: Part, height: number, width: number): Draft {
  if (isDraft(part)) return part;
  return height === 0
    ? { kind: 'draft of a leaf', before: part, halves: halvesOf(part, width) }
    : { kind: 'draft of a branch', before: part, children: childrenOf(part, width) };
}

/** The part with a range filled, from `from` up to, not including, `to`; both count from its first entry. */
function fillPart(part: Part, height: number, width: number, from: number, to: number, value: Uniform): Part {
  if (!isDraft(part) && isUniformly(part, value.high, value.low)) return part;
  const draft = draftOf(part, height, width);
  if (draft.kind === 'draft of a leaf') {
    for (let at = 2 * from; at < 2 * to; at += 2) {
      draft.halves[at] = value.high;
      draft.halves[at + 1] = value.low;
    }
    return draft;
  }
  const span = spanOf(height - 1);
  const lastSlot = Math.floor((to - 1) / span);
  for (let slot = Math.floor(from / span); slot <= lastSlot; slot += 1) {
    const start = Math.max(from - slot * span, 0);
    const end = Math.min(to - slot * span, span);
    draft.children[slot] =
      end - start === span
        ? value
        : fillPart(draft.children[slot]!, height - 1, widthOf(height - 1), start, end, value);
  }
  return draft;
}

/** The finished subtree: canonical, with its counts, and the one that was there before if it is equal to it. */
function finished(part: Part, height: number): Node {
  if (!isDraft(part)) return part;
  if (part.kind === 'draft of a leaf') return unlessEqual(part.before, leafNode(part.halves));
  const children = part.children as Node[];
  for (let slot = 0; slot < children.length; slot += 1) {
    children[slot] = finished(part.children[slot]!, height - 1);
  }
  return unlessEqual(part.before, branchNode(children, height));
}

const unlessEqual = (before: Node, after: Node): Node => (sameNodes(before, after) ? before : after);
