import type { Memory } from '../memory.js';

/** Pieces of memory that came anew, by the number of their holder. */
export type Pieces = readonly (readonly [holder: number, data: Int32Array])[];

/** Memory of the thread that fills tables; others read it. */
export class SharedMemory implements Memory {
  readonly #pieces: Int32Array[] = [];
  #fresh = new Set<number>();
  #holders = 0;

  holder(): number {
    this.#holders += 1;
    return this.#holders - 1;
  }

  allocate(holder: number, length: number): Int32Array {
    const data = new Int32Array(new SharedArrayBuffer(length * Int32Array.BYTES_PER_ELEMENT));
    this.#pieces[holder] = data;
    this.#fresh.add(holder);
    return data;
  }

  /** The pieces that came since this was last asked. */
  taken(): Pieces {
    const fresh = [...this.#fresh].map((holder) => [holder, this.#pieces[holder]!] as const);
    this.#fresh = new Set();
    return fresh;
  }
}

/** Memory of a thread that reads tables which another one fills. */
export class AttachedMemory implements Memory {
  readonly #holders: ((data: Int32Array) => void)[] = [];

  holder(take: (data: Int32Array) => void): number {
    this.#holders.push(take);
    return this.#holders.length - 1;
  }

  /** What a table is made with until the shared pieces come. */
  allocate(_holder: number, length: number): Int32Array {
    return new Int32Array(length);
  }

  adopt(pieces: Pieces): void {
    for (const [holder, data] of pieces) this.#holders[holder]!(data);
  }
}
