import type { ModelEntry } from '@spapr-dma/models';
import type { CheckCall } from './check-call.js';
import type { Found } from './explore.js';

/** What models.json says a model comes to, and whether it did. */
export interface Expectation {
  readonly verdict: 'holds' | 'violated';
  readonly violated: readonly string[];
  /** Null where nobody has counted, or where this search does not count all. */
  readonly states: number | null;
  readonly transitions: number | null;
  readonly depth: number | null;
  readonly isMet: boolean;
  /** What is otherwise, one sentence each. */
  readonly differences: readonly string[];
}

const listed = (names: readonly string[]): string => names.join(', ');

/** Properties that were violated, or hold only because nothing happened that they are about; each once. */
export const brokenOf = ({ violations, result }: Found): readonly string[] => [
  ...new Set([...violations, ...result.unreached].map(({ property }) => property)),
];

function verdictDifferences(
  { verdict, violated }: ModelEntry,
  found: Found,
  isWhole: boolean,
): readonly string[] {
  const broken = brokenOf(found);
  if (found.result.verdict !== verdict) {
    const expected = verdict === 'violated' ? `violates ${listed(violated)}` : 'holds';
    return [`models.json says that it ${expected}.`];
  }
  const stray = broken.filter((name) => !violated.includes(name));
  const missing = isWhole ? violated.filter((name) => !broken.includes(name)) : [];
  return [
    ...(stray.length === 0 ? [] : [`models.json does not say that it violates ${listed(stray)}.`]),
    ...(missing.length === 0 ? [] : [`models.json says that it violates ${listed(missing)} too.`]),
  ];
}

/** What was asked is not the model that models.json speaks of. */
const isAnother = ({ preset, set, size, properties }: CheckCall): boolean =>
  preset !== null || set.length > 0 || size !== null || properties.length > 0;

/** Holds a search against models.json; null where that says nothing of it. */
export function expectationOf(entry: ModelEntry, call: CheckCall, found: Found): Expectation | null {
  if (isAnother(call)) return null;
  const { result } = found;
  const { verdict, violated } = entry;
  const { order, symmetry, partialOrder, until } = call.search;
  const isWhole = result.bound === null && until === 'all';
  // What is counted is a search that ends with its first violation.
  const isListed = result.bound === null && (until === 'first' || result.verdict === 'holds');
  const counts = isListed && order === 'breadth' && symmetry === null && partialOrder === null;
  const { states, transitions, depth } = counts ? entry : { states: null, transitions: null, depth: null };
  const counted = { states, transitions, depth };
  // A search that found nothing before its bound says nothing against what is known.
  const ofVerdict = result.verdict === 'bounded' ? [] : verdictDifferences(entry, found, isWhole);
  const ofCounts = (['states', 'transitions', 'depth'] as const).flatMap((name) => {
    const expected = counted[name];
    if (expected === null || expected === result[name]) return [];
    return [`models.json has ${expected} as its ${name}.`];
  });
  const differences = [...ofVerdict, ...ofCounts];
  return { verdict, violated, ...counted, isMet: differences.length === 0, differences };
}
