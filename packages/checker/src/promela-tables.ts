/** Integers in one block for a C program: lists, and tables that are found again by open addressing. */

/** Where a table of a C program begins, and its number of slots less one. */
export interface PromelaTable {
  readonly at: number;
  readonly mask: number;
  readonly width: number;
  /** Integers in a slot: the key, and the values behind it. A free slot begins with −1. */
  readonly stride: number;
}

export interface PromelaEntry {
  readonly key: readonly number[];
  readonly values: readonly number[];
}

/** The same in `C_HELPERS`. */
function hashOf(key: readonly number[]): number {
  let hash = 0;
  for (const each of key) {
    const product = Math.imul(hash ^ each, 0x9e3779b1);
    hash = product ^ (product >>> 15);
  }
  return hash;
}

/** Spin reads a block of C of less than 64 KiB. */
const CHUNK_INTEGERS = 4096;

export class PromelaTables {
  readonly #data: number[] = [];

  get length(): number {
    return this.#data.length;
  }

  /** Adds a list. Answers where it begins. */
  list(values: Iterable<number>): number {
    const at = this.#data.length;
    for (const value of values) this.#data.push(value);
    return at;
  }

  /** Adds a table of entries whose keys have one width and whose values have another. */
  table(width: number, entries: readonly PromelaEntry[]): PromelaTable {
    const stride = width + (entries[0]?.values.length ?? 0);
    let size = 4;
    while (size < entries.length * 2) size *= 2;
    const at = this.list(new Int32Array(size * stride).fill(-1));
    const mask = size - 1;
    for (const { key, values } of entries) {
      let slot = hashOf(key) & mask;
      while (this.#data[at + slot * stride] !== -1) slot = (slot + 1) & mask;
      [...key, ...values].forEach((value, place) => {
        this.#data[at + slot * stride + place] = value;
      });
    }
    return { at, mask, width, stride };
  }

  /** C that puts everything into `tables` before the verifier begins. */
  text(): string {
    const chunks: string[] = [];
    for (let from = 0; from < this.#data.length; from += CHUNK_INTEGERS) {
      const values = this.#data.slice(from, from + CHUNK_INTEGERS);
      chunks.push(`c_decl { static const int chunk${chunks.length}[] = {${values.join()}}; }`);
    }
    const copies = chunks.map(
      (_, n) => `  memcpy(tables + ${n * CHUNK_INTEGERS}, chunk${n}, sizeof chunk${n});`,
    );
    return `${chunks.join('\n')}
c_decl {
static int tables[${Math.max(1, this.#data.length)}];
__attribute__((constructor)) static void fill(void)
{
${copies.join('\n')}
}
}`;
  }
}

/** C that finds entries: the place of the values behind a key, or null. */
export const C_HELPERS = `c_decl {
static inline unsigned mixed(unsigned hash, int key)
{
  unsigned product = (hash ^ (unsigned) key) * 0x9e3779b1u;
  return product ^ (product >> 15);
}
static inline const int *sought(int at, unsigned mask, int width, int stride, const int *key)
{
  unsigned slot = 0;
  int n;
  for (n = 0; n < width; n++) slot = mixed(slot, key[n]);
  for (slot &= mask;; slot = (slot + 1) & mask) {
    const int *entry = tables + at + slot * stride;
    if (entry[0] < 0) return 0;
    for (n = 0; n < width && entry[n] == key[n]; n++) ;
    if (n == width) return entry + width;
  }
}
static const int *known(const int *entry)
{
  if (entry == 0) {
    printf("the tables do not have what is looked up\\n");
    exit(1);
  }
  return entry;
}
static inline const int *found(int at, unsigned mask, int width, int stride, const int *key)
{
  return known(sought(at, mask, width, stride, key));
}
static inline const int *found2(int at, unsigned mask, int stride, int a, int b)
{
  unsigned slot = mixed(mixed(0, a), b) & mask;
  for (;; slot = (slot + 1) & mask) {
    const int *entry = tables + at + slot * stride;
    if (entry[0] == a && entry[1] == b) return entry + 2;
    if (entry[0] < 0) return known(0);
  }
}
}`;
