/** Where flat memory comes from, so that threads can share what one of them fills. */
export interface Memory {
  /**
   * Announces whoever holds a piece of memory, and how it takes another piece for it. Answers the holder's number:
   * the same holders in the same order get the same numbers.
   */
  holder(take: (data: Int32Array) => void): number;
  /** A holder's next piece, all zero. */
  allocate(holder: number, length: number): Int32Array;
}

/** Memory of one thread. */
export const OWN_MEMORY: Memory = {
  holder: () => 0,
  allocate: (_holder, length) => new Int32Array(length),
};
