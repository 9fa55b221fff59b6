/**
 * Ways to falsify a log by one line: a field altered, a line dropped, doubled, or swapped with another.
 */

/** Numbers that look random and are the same in every run. */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
export type Random = ReturnType<typeof random>;

export type Kind = 'alter' | 'drop' | 'double' | 'swap with the next' | 'swap';

/** A falsified log: what it was up to `at`, then `head`, then what it was from `resume` on, but for `replaced`. */
export interface Doctoring {
  readonly kind: Kind;
  readonly event: string;
  /** The field that was altered. */
  readonly field: string | null;
  readonly at: number;
  readonly head: readonly string[];
  readonly resume: number;
  readonly replaced: { readonly at: number; readonly text: string } | null;
}

/** Makes another value of a field; `log` holds the LIOBNs that occur. */
type Alter = (value: string, rng: Random, log: LogFacts) => string;
interface LogFacts {
  readonly liobns: readonly string[];
}

const hexOf = (text: string): bigint => BigInt(text.startsWith('0x') ? text : `0x${text}`);
const like = (old: string, value: bigint): string => (old.startsWith('0x') ? '0x' : '') + value.toString(16);
const flip =
  (low: number, high: number): Alter =>
  (value, rng) =>
    like(value, BigInt.asUintN(64, hexOf(value) ^ (1n << BigInt(low + rng(high - low + 1)))));
const step: Alter = (value, rng) => {
  const number = BigInt(value);
  const by = BigInt(1 + rng(3));
  return String(number > by && rng(2) === 0 ? number - by : number + by);
};
const hexStep: Alter = (value, rng) => {
  const number = hexOf(value);
  return like(value, number > 0n && rng(2) === 0 ? number - 1n : number + 1n);
};
const anotherOf =
  (...values: readonly string[]): Alter =>
  (value, rng) => {
    const others = values.filter((other) => other !== value);
    return others[rng(others.length)] as string;
  };
const ret: Alter = (value) => (value === '0' ? '-4' : '0');
const page = flip(12, 30);
const permissions: Alter = (value, rng) => like(value, hexOf(value) ^ BigInt(1 + rng(3)));
const power: Alter = (value, rng) => like(value, rng(2) === 0 ? hexOf(value) << 1n : hexOf(value) >> 1n);
const liobn: Alter = (value, rng, { liobns }) => {
  const known = [...liobns.map(hexOf), hexOf(value) ^ 1n, hexOf(value) ^ 0x100n];
  const others = known.filter((other) => other !== hexOf(value));
  return like(value, others[rng(others.length)] as bigint);
};

const X = '(0x[0-9a-f]+)';
const D = '(-?\\d+)';
const CALL = [
  ['liobn', `liobn=${X}`, liobn],
  ['ioba', `ioba=${X}`, page],
] as const;
const RET = ['ret', `ret=${D}`, ret] as const;
const TCE = (name: string) =>
  [
    [`${name}, page`, `${name}=${X}`, page],
    [`${name}, permissions`, `${name}=${X}`, permissions],
  ] as const;
const BUID = ['buid', `buid=${X}`, flip(0, 4)] as const;
const ADDR = ['addr', ` addr=${X}`, flip(8, 15)] as const;

type Field = readonly [name: string, pattern: string, alter: Alter];
const MIGRATED: readonly Field[] = [
  ['liobn', 'liobn=([0-9a-f]+)', liobn],
  ['bus_offset', `bus_offset=${X}`, flip(12, 60)],
  ['ps', `ps=${D}`, anotherOf('12', '16', '21', '24')],
];

/** Fields of the lines, by event without the mark of a PCI table. */
export const FIELDS: Readonly<Record<string, readonly Field[]>> = {
  spapr_iommu_put: [...CALL, ...TCE('tce'), RET],
  spapr_iommu_get: [...CALL, ...TCE('tce'), RET],
  spapr_iommu_stuff: [...CALL, ...TCE('tcevalue'), ['npages', `npages=${D}`, step], RET],
  spapr_iommu_indirect: [
    ...CALL,
    ['tcelist', `tcelist=${X}`, page],
    ['iobaN', `iobaN=${X}`, hexStep],
    ...TCE('tceN'),
    RET,
  ],
  spapr_iommu_xlate: [
    ['liobn', `liobn=${X}`, liobn],
    ['address, within the page', ` ${X} ->`, flip(2, 11)],
    ['address, page', ` ${X} ->`, flip(12, 30)],
    ['page', `-> ${X}`, page],
    ['perm', 'perm=(\\d)', anotherOf('0', '1', '2', '3')],
    ['mask', `mask=${X}`, anotherOf('0xfff', '0xffff', '0x1fffff', '0xffffff')],
  ],
  spapr_iommu_new_table: [
    ['liobn', `liobn=${X}`, liobn],
    ['table', `table=${X}`, flip(12, 40)],
    ['table, none', `table=${X}`, () => '(nil)'],
    ['fd', `fd=${D}`, () => '21'],
  ],
  spapr_iommu_ddw_query: [
    BUID,
    ADDR,
    ['windows available', `${D} windows`, anotherOf('0', '1', '2')],
    ['max window size', `size=${X}`, flip(12, 40)],
    ['mask', `mask=${X}`, anotherOf('0x1', '0x3', '0x7', '0x107', '0x10f')],
  ],
  spapr_iommu_ddw_create: [
    BUID,
    ADDR,
    ['page size', `page size=${X}`, power],
    ['requested', `requested=${X}`, power],
    ['start addr', `start addr=${X}`, flip(24, 60)],
    ['liobn', ` liobn=${X}`, liobn],
  ],
  spapr_iommu_ddw_remove: [['liobn', `liobn=${X}`, liobn]],
  spapr_iommu_ddw_reset: [BUID, ADDR],
  spapr_iommu_pre_save: [...MIGRATED, ['entries', 'liobn=[0-9a-f]+ ([0-9a-f]+) bus', hexStep]],
  spapr_iommu_post_load: [
    ...MIGRATED,
    ['entries before', 'liobn=[0-9a-f]+ ([0-9a-f]+) =>', hexStep],
    ['entries after', `=> ${X}`, hexStep],
  ],
};

/** The event of an IOMMU or DDW line, or null. */
export const eventOf = (line: string): string | null =>
  /^(?:[\d@.]+:)?(spapr_iommu_\w+) /.exec(line)?.[1]?.replace('_pci_', '_') ?? null;

const textOf = (line: string): string => line.replace(/^[\d@.]+:/, '');

/** The line with another value in one field. */
function altered(line: string, [, pattern, alter]: Field, rng: Random, log: LogFacts): string | null {
  const found = new RegExp(pattern, 'd').exec(line);
  const [start, end] = found?.indices?.[1] ?? [0, 0];
  if (end === 0) return null;
  const other = line.slice(0, start) + alter(line.slice(start, end), rng, log) + line.slice(end);
  return other === line ? null : other;
}

/** Places of the IOMMU lines, by event. */
function placesOf(lines: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const places = new Map<string, number[]>();
  lines.forEach((line, at) => {
    const event = eventOf(line);
    if (event !== null) places.set(event, [...(places.get(event) ?? []), at].slice(-1_000_000));
  });
  return places;
}

const plain = (
  kind: Kind,
  event: string,
  at: number,
  head: readonly string[],
  resume: number,
): Doctoring => ({
  kind,
  event,
  field: null,
  at,
  head,
  resume,
  replaced: null,
});

/** Falsified copies of a log: so many for each kind, event and field. */
export function doctorings(lines: readonly string[], each: number, rng: Random): readonly Doctoring[] {
  const made: Doctoring[] = [];
  const places = placesOf(lines);
  const all = [...places.values()].flat().sort((a, b) => a - b);
  const liobns = [
    ...new Set(all.flatMap((at) => /liobn=(?:0x)?([0-9a-f]+)/.exec(lines[at] as string)?.[1] ?? [])),
  ];
  const log: LogFacts = { liobns: liobns.slice(0, 32) };
  for (const [event, at] of places) {
    const pick = (from: readonly number[]) => from[rng(from.length)] as number;
    const some = Array.from({ length: Math.min(each, at.length) }, () => pick(at));
    for (const field of FIELDS[event] ?? []) {
      for (const place of Array.from({ length: some.length }, () => pick(at))) {
        const line = altered(lines[place] as string, field, rng, log);
        if (line !== null) made.push({ ...plain('alter', event, place, [line], place + 1), field: field[0] });
      }
    }
    for (const place of some) {
      const line = lines[place] as string;
      made.push(
        plain('drop', event, place, [], place + 1),
        plain('double', event, place + 1, [line], place + 1),
      );
      const next = lines[place + 1];
      if (next !== undefined && eventOf(next) !== null && textOf(next) !== textOf(line)) {
        made.push(plain('swap with the next', event, place, [next, line], place + 2));
      }
      const [from = 0, to = 0] = [place, pick(all)].sort((a, b) => a - b);
      const [first = '', second = ''] = [lines[from], lines[to]];
      if (to > from + 1 && textOf(first) !== textOf(second)) {
        made.push({ ...plain('swap', event, from, [second], from + 1), replaced: { at: to, text: first } });
      }
    }
  }
  return made.sort((a, b) => a.at - b.at);
}
