import type { Answer, Status } from '../answer.js';
import type { Host } from '../host.js';
import type { Paint } from '../text/paint.js';
import { table } from '../text/table.js';
import { counted, grouped, seconds } from '../text/words.js';
import type { CheckCall } from './check-call.js';
import { reportsDocument } from './check-document.js';
import { checkedAll } from './checked.js';
import type { Report } from './report.js';
import { allModels } from './repository.js';

const isMet = ({ expectation }: Report): boolean => expectation?.isMet ?? true;

const columns = [
  { title: 'model' },
  { title: 'verdict' },
  { title: 'states', align: 'right' },
  { title: 'transitions', align: 'right' },
  { title: 'depth', align: 'right' },
  { title: 'time', align: 'right' },
  { title: '' },
] as const;

function row(report: Report, paint: Paint) {
  const { result, violations } = report.found;
  const broken = [...new Set(violations.map(({ property }) => property))];
  return [
    report.entry.name,
    result.verdict === 'violated' ? `violates ${broken.join(' ')}`.trim() : result.verdict,
    grouped(result.states),
    grouped(result.transitions),
    grouped(result.depth),
    seconds(result.seconds),
    isMet(report) ? 'as expected' : { text: 'unexpected', paint: paint.bad },
  ];
}

function allText(reports: readonly Report[], paint: Paint): string {
  const wrong = reports.filter((report) => !isMet(report));
  const told = wrong.flatMap(({ entry, expectation }) =>
    (expectation?.differences ?? []).map((text) => `${entry.name}: ${text}\n`),
  );
  const summary =
    wrong.length === 0 ? 'all as expected' : paint.bad(`${wrong.length} otherwise than expected`);
  const rows = reports.map((report) => row(report, paint));
  return `${table(columns, rows)}\n${counted(reports.length, 'model')}, ${summary}.\n${told.join('')}`;
}

/** `spapr-dma check --all`: every model, held against what models.json says of it. */
export async function checkAll(call: CheckCall, host: Host): Promise<Answer> {
  const { reports, error } = await checkedAll(allModels(), call, host);
  const status: Status = error !== null ? 2 : reports.every(isMet) ? 0 : 1;
  return { status, document: reportsDocument(reports, error), text: () => allText(reports, host.paint) };
}
