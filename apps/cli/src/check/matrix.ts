import type { Answer, Status } from '../answer.js';
import type { Host } from '../host.js';
import type { Paint } from '../text/paint.js';
import { type Cell, table } from '../text/table.js';
import { counted } from '../text/words.js';
import type { CheckCall } from './check-call.js';
import { checkedAll } from './checked.js';
import { brokenOf } from './expectation.js';
import type { Report } from './report.js';
import { allModels } from './repository.js';

type Verdict = 'holds' | 'violated' | 'bounded';

/** One property of the model of one value of a switch. */
export interface MatrixRow {
  readonly switch: string;
  readonly value: string;
  readonly model: string;
  readonly property: string;
  readonly expected: 'holds' | 'violated';
  readonly verdict: Verdict;
  readonly states: number;
  readonly seconds: number;
}

/** As much of a report as a row needs. */
type Judged = Pick<Report, 'entry' | 'found'>;

/** A property was seen to break, or all was seen and it did not. */
function verdictOn(property: string, { found }: Judged): Verdict {
  if (brokenOf(found).includes(property)) return 'violated';
  return found.result.bound === null ? 'holds' : 'bounded';
}

/** What was asked of a model, and what broke though nobody asked: a machine that fails. */
const judgedOf = ({ entry, found }: Judged): readonly string[] => [
  ...new Set([...entry.properties, ...entry.eventually, ...brokenOf(found)]),
];

/** The rows of one model. */
export const rowsOf = (report: Judged): readonly MatrixRow[] =>
  judgedOf(report).map((property) => ({
    switch: report.entry.switch!,
    value: report.entry.value!,
    model: report.entry.name,
    property,
    expected: report.entry.violated.includes(property) ? 'violated' : 'holds',
    verdict: verdictOn(property, report),
    states: report.found.result.states,
    seconds: report.found.result.seconds,
  }));

const isUnexpected = ({ expected, verdict }: MatrixRow): boolean => verdict !== expected;

const MARKS = { holds: '·', violated: '✗', bounded: '?' } as const;

function cellOf(row: MatrixRow | undefined, paint: Paint): Cell {
  if (row === undefined) return '';
  const mark = MARKS[row.verdict];
  return isUnexpected(row) ? { text: `${mark}!`, paint: paint.bad } : mark;
}

/** `S-2` before `S-10`, and safety before liveness. */
const byName = (a: string, b: string): number =>
  b.charCodeAt(0) - a.charCodeAt(0) || a.localeCompare(b, 'en', { numeric: true });

function matrixText(rows: readonly MatrixRow[], paint: Paint): string {
  const properties = [...new Set(rows.map(({ property }) => property))].sort(byName);
  const models = [...new Set(rows.map(({ model }) => model))];
  const lines = models.map((model) => {
    const own = rows.filter((row) => row.model === model);
    const { switch: name, value } = own[0]!;
    const cells = properties.map((property) =>
      cellOf(
        own.find((row) => row.property === property),
        paint,
      ),
    );
    return [`${name}=${value}`, ...cells];
  });
  const columns = ['switch', ...properties].map((title) => ({ title }));
  const wrong = rows.filter(isUnexpected);
  const told = wrong.map(
    ({ model, property, verdict, expected }) =>
      `${model}: ${property} is ${verdict}, expected was ${expected}.\n`,
  );
  const summary =
    wrong.length === 0 ? 'all as expected' : paint.bad(`${wrong.length} otherwise than expected`);
  return [
    table(columns, lines),
    '\n✗ violated, · holds, ? not all was seen, ! otherwise than expected.\n',
    `${counted(models.length, 'model')}, ${counted(rows.length, 'verdict')}, ${summary}.\n`,
    ...told,
  ].join('');
}

/** `spapr-dma check --matrix`: what each value of each switch breaks. */
export async function checkMatrix(call: CheckCall, host: Host): Promise<Answer> {
  const entries = allModels().filter((entry) => entry.switch !== null);
  const whole: CheckCall = { ...call, search: { ...call.search, until: 'all' } };
  const { reports, error } = await checkedAll(entries, whole, host);
  const rows = reports.flatMap(rowsOf);
  const status: Status = error !== null ? 2 : rows.some(isUnexpected) ? 1 : 0;
  const document = { rows, error };
  return { status, document, text: () => matrixText(rows, host.paint) };
}
