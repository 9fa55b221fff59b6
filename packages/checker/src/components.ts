import { IntList } from './int-list.js';

/** What `componentOf` answers for a row that was not visited. */
export const NO_COMPONENT = 0;

/**
 * The strongly connected components of the rows that can be reached from some: Tarjan's algorithm with one number
 * a row, and its recursion spelled out on flat memory. Components come in an order in which none leads to a later one.
 * @see [Pearce]
 */
export class Components {
  readonly #follow: (row: number, edges: IntList) => void;
  readonly #onComponent: (rows: Uint32Array) => void;
  /**
   * By row: 0 where it was not met. Until its component is complete, the place of the first row that it is known to
   * lead back to, from 1. Then the component's number, counted down from the last, so that it is never less than a
   * place: places and components together are not more than rows.
   */
  readonly #marks: Uint32Array;
  #places = 0;
  #component = 2 ** 32 - 1;
  /** The path on which the search is: rows, the places they had at first, and where their edges begin. */
  readonly #path = new IntList();
  readonly #entered = new IntList();
  readonly #starts = new IntList();
  /** Rows that are left to follow, for each row of the path those behind the ones of the row before. */
  readonly #edges = new IntList();
  /** Rows that were left and whose component is not complete. */
  readonly #open = new IntList();

  /**
   * @param size how many rows there are
   * @param follow adds the rows to which a row leads
   * @param onComponent told of each component when it is complete; the memory of its rows is used again
   */
  constructor(
    size: number,
    follow: (row: number, edges: IntList) => void,
    onComponent: (rows: Uint32Array) => void,
  ) {
    this.#marks = new Uint32Array(size);
    this.#follow = follow;
    this.#onComponent = onComponent;
  }

  /** The component of a row, once it is complete. */
  componentOf(row: number): number {
    return this.#marks[row]!;
  }

  /** Visits what can be reached from a row and was not visited. */
  visit(root: number): void {
    const marks = this.#marks;
    if (marks[root] !== 0) return;
    this.#enter(root);
    while (this.#path.length > 0) {
      const top = this.#path.length - 1;
      if (this.#edges.length === this.#starts.at(top)) {
        this.#leave();
        continue;
      }
      const next = this.#edges.pop() >>> 0;
      if (marks[next] === 0) this.#enter(next);
      else this.#leadsBack(this.#path.at(top) >>> 0, next);
    }
  }

  #enter(row: number): void {
    this.#places += 1;
    this.#marks[row] = this.#places;
    this.#path.push(row);
    this.#entered.push(this.#places);
    this.#starts.push(this.#edges.length);
    this.#follow(row, this.#edges);
  }

  /** Whatever a row's successor leads back to, the row does. */
  #leadsBack(row: number, next: number): void {
    const marks = this.#marks;
    if (marks[next]! < marks[row]!) marks[row] = marks[next]!;
  }

  #leave(): void {
    const row = this.#path.pop() >>> 0;
    const entered = this.#entered.pop() >>> 0;
    this.#starts.pop();
    this.#open.push(row);
    if (this.#marks[row] === entered) this.#complete(entered);
    if (this.#path.length > 0) this.#leadsBack(this.#path.at(this.#path.length - 1) >>> 0, row);
  }

  /** The row that was left last leads back no further than to itself: what is open since then is its component. */
  #complete(entered: number): void {
    const open = this.#open;
    const marks = this.#marks;
    const end = open.length;
    let start = end - 1;
    while (start > 0 && marks[open.at(start - 1) >>> 0]! >= entered) start -= 1;
    const rows = new Uint32Array(open.data.buffer, open.data.byteOffset + start * 4, end - start);
    for (const row of rows) marks[row] = this.#component;
    this.#component -= 1;
    this.#places -= rows.length;
    this.#onComponent(rows);
    open.truncate(start);
  }
}
