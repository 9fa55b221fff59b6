import { expect, test } from 'vitest';
import { rowsOf } from '../src/check/matrix.ts';

/** A model of which S-4 was asked, and what its search found. */
const report = (violated: readonly string[]) =>
  ({
    entry: {
      name: 'a=b',
      switch: 'a',
      value: 'b',
      properties: ['S-4'],
      eventually: [],
      violated: ['S-4'],
    },
    found: {
      violations: violated.map((property) => ({ property })),
      result: { unreached: [], bound: null, states: 1, seconds: 0 },
    },
  }) as unknown as Parameters<typeof rowsOf>[0];

test.each`
  violated                      | rows
  ${['S-4']}                    | ${[['S-4', 'violated', 'violated']]}
  ${[]}                         | ${[['S-4', 'violated', 'holds']]}
  ${['S-4', 'machine-failure']} | ${[['S-4', 'violated', 'violated'], ['machine-failure', 'holds', 'violated']]}
`('a search that finds $violated of a model: expected and found', ({ violated, rows }) => {
  expect(
    rowsOf(report(violated)).map(({ property, expected, verdict }) => [property, expected, verdict]),
  ).toEqual(rows);
});
