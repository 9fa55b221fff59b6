import type { Paint } from '../text/paint.js';
import { type Cell, table } from '../text/table.js';
import { excerpt, grouped, seconds } from '../text/words.js';
import type { Captured } from './capture-document.js';

const columns = [
  { title: 'recording' },
  { title: '' },
  { title: 'kernel' },
  { title: 'took', align: 'right' },
  { title: 'lines', align: 'right' },
  { title: 'windows', align: 'right' },
  { title: 'findings' },
] as const;

function verdict({ description, report }: Captured, paint: Paint): Cell {
  if (description.trouble !== null) return { text: 'in trouble', paint: paint.warn };
  if (report.accepted) return { text: 'accepted', paint: paint.good };
  if (report.divergence !== null)
    return { text: `refused on line ${report.divergence.line}`, paint: paint.bad };
  return { text: 'not followed to its end', paint: paint.bad };
}

/** `hotplug-cost 2, left-mapped` */
function kindsOf({ findings }: Captured['report']): string {
  const counts = new Map<string, number>();
  for (const { kind } of findings) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => (count === 1 ? kind : `${kind} ${count}`)).join(', ');
}

/** What is wrong with a recording, one a line. */
const complaintsOf = ({ description, report }: Captured): readonly string[] =>
  [
    description.trouble,
    report.divergence && `expected ${report.divergence.expected}, seen ${report.divergence.observed}`,
    report.error?.text,
  ].flatMap((text) => (text ? [`${description.name}: ${excerpt(text, 500)}`] : []));

/** The recordings for people: what they came to, and where they are. */
export function captureText(captured: readonly Captured[], paint: Paint): string {
  if (captured.length === 0) return '';
  const rows = captured.map((one): Cell[] => [
    one.description.name,
    verdict(one, paint),
    one.description.guest.kernel,
    seconds(one.description.seconds),
    grouped(one.report.lines),
    grouped(one.report.windows.length + one.report.windowsOmitted.count),
    kindsOf(one.report),
  ]);
  const complaints = captured.flatMap(complaintsOf);
  const parts = [
    table(columns, rows),
    complaints.map((line) => `${line}\n`).join(''),
    `All that one shows: spapr-dma follow ${captured[0]!.files.log}\n`,
  ];
  return parts.filter((part) => part !== '').join('\n');
}
