import type { Hpa } from '@spapr-dma/protocol';

/** What stands in host memory, as far as a recording says it: bytes of which nothing is known are 0. */
export class Contents {
  readonly #bytes = new Map<bigint, number>();

  fill(hpa: Hpa, count: number, value: number): void {
    for (let i = 0; i < count; i++) this.#set(hpa + BigInt(i), value);
  }

  write(hpa: Hpa, bytes: readonly number[]): void {
    bytes.forEach((value, i) => {
      this.#set(hpa + BigInt(i), value);
    });
  }

  read(hpa: Hpa, count: number): number[] {
    return Array.from({ length: count }, (_, i) => this.#bytes.get(hpa + BigInt(i)) ?? 0);
  }

  #set(address: bigint, value: number): void {
    if (value === 0) this.#bytes.delete(address);
    else this.#bytes.set(address, value);
  }
}
