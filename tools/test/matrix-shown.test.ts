import { expect, test } from 'vitest';
import { readJson, textOf } from '../checks/repository.ts';

interface Model {
  readonly switch?: string;
  readonly value?: string;
  readonly properties: readonly string[];
  readonly eventually?: readonly string[];
  readonly violated?: readonly string[];
}

const { models } = readJson<{ readonly models: readonly Model[] }>('models.json');

/** By property: the mark that `check --matrix` is to print in the row of a model. */
const marksOf = ({ properties, eventually = [], violated = [] }: Model): Record<string, string> =>
  Object.fromEntries(
    [...properties, ...eventually].map((name) => [name, violated.includes(name) ? '✗' : '·']),
  );

/** The rows of a table as it is printed, by their first column; each cell stands below its title. */
function rowsOf(lines: readonly string[]): Map<string, Record<string, string>> {
  const [head = '', ...rows] = lines;
  const columns = [...head.matchAll(/\S+/g)].slice(1);
  return new Map(
    rows.flatMap((line) => {
      const [name = ''] = line.split(' ');
      if (!name.includes('=')) return [];
      const cells = columns.map(({ 0: title, index }) => [title, line.slice(index, index + 2).trim()]);
      return [[name, Object.fromEntries(cells.filter(([, mark]) => mark !== ''))]];
    }),
  );
}

test('the rows of check --matrix in README.md are what models.json expects', () => {
  const [, shown = ''] =
    /^<!-- Rows of check --matrix,.*-->\n```text\n([\s\S]*?)^```$/m.exec(textOf('README.md') ?? '') ?? [];
  const rows = rowsOf(shown.split('\n'));
  expect(rows.size).toBeGreaterThan(8);
  const named = models.map((model) => [`${model.switch}=${model.value}`, marksOf(model)] as const);
  for (const [name, marks] of rows) expect([name, marks]).toEqual(named.find(([each]) => each === name));
});
