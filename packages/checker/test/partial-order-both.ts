import { breadthFirst } from '../src/breadth-first.ts';
import type { Model } from '../src/model.ts';
import type { CheckedProperty, View } from '../src/property.ts';
import type { SearchResult } from '../src/result.ts';

/** What a search says, but for how long it took. */
export const said = ({ verdict, violations, unreached, bound }: SearchResult) => ({
  verdict,
  violated: violations.map(({ property }) => property).sort(),
  unreached,
  bound,
});
/** What a model comes to with orders of steps left out, and without. */
export const both = (model: Model): readonly [SearchResult, SearchResult] => [
  breadthFirst(model, { until: 'all', partialOrder: true }),
  breadthFirst(model, { until: 'all', partialOrder: false }),
];

/** An invariant of some machines. */
export const never = (
  name: string,
  machines: readonly string[],
  isWrong: (view: View) => boolean,
): CheckedProperty => ({
  kind: 'invariant',
  name,
  title: 'It never comes to that',
  reads: { machines },
  sometimes: null,
  judge: (view) => ({ violation: isWrong(view) ? 'it has come to that' : null, reached: false }),
});
