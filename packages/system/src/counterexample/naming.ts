/** How a value reads. */
export type Words = (value: unknown) => string;

/** How the parts of a value are called where two versions of it are compared. */
export interface Naming {
  /** Fields that say nothing to a reader: where a thread stands, and what follows from other fields. */
  readonly skipped?: readonly string[];
  /** Fields of which more is known than their name; the name in the state is what stands for the others. */
  readonly fields?: Readonly<Record<string, FieldNaming>>;
  /** For fields whose names are keys. */
  readonly others?: (name: string) => FieldNaming;
}

/** How one field is called; `title` stands in place of its name, and is empty where its parts say enough. */
export interface FieldNaming extends Naming {
  readonly title?: string;
  /** How the whole value reads. Then nobody looks into it. */
  readonly words?: Words;
  /** What it is, in a few words, where it comes or goes as a whole. */
  // biome-ignore lint/suspicious/noExplicitAny: values of states of any machine
  readonly about?: (value: any) => string;
  /** How one entry of a TCE table reads. */
  readonly entry?: (tce: bigint) => string;
  /** For a list whose items have a life of their own. */
  readonly items?: ItemNaming;
}

/** How the items of a list are told apart and called. */
// biome-ignore lint/suspicious/noExplicitAny: items of states of any machine
export interface ItemNaming<Item = any> extends Naming {
  readonly key: (item: Item, index: number) => string;
  readonly called: (item: Item, index: number) => string;
  /** What a new one is, in a few words. */
  readonly about?: (item: Item) => string;
  /** How an item reads where it is a plain value. */
  readonly words?: Words;
}

export const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** Numbers that nobody writes in decimal. */
const IN_HEX = ['liobn', 'drcIndex'];

const fieldWords = (name: string, part: unknown): string =>
  `${spaced(name)} ${typeof part === 'number' && IN_HEX.includes(name) ? hex(part) : plainWords(part)}`;

/** Any value in a few words. */
export function plainWords(value: unknown): string {
  if (value === null || value === undefined) return 'none';
  if (typeof value === 'bigint') return hex(value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) {
    if (value.length === 0) return 'none';
    return value.length > 8 ? `${value.length} of them` : value.map(plainWords).join(', ');
  }
  if (typeof value !== 'object') return value === '' ? 'none' : String(value);
  const fields = Object.entries(value).filter(([, part]) => part !== undefined);
  return `{${fields
    .slice(0, 6)
    .map(([name, part]) => fieldWords(name, part))
    .join(', ')}${fields.length > 6 ? ', …' : ''}}`;
}

/** `lockedPages` → `locked pages`. */
export const spaced = (name: string): string =>
  name.replace(/[a-z0-9][A-Z]/g, (pair) => `${pair[0]} ${pair[1]!.toLowerCase()}`);
