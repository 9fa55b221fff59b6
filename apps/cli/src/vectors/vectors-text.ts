import type { VectorsReport } from '@spapr-dma/trace';
import type { Paint } from '../text/paint.js';
import { table } from '../text/table.js';
import { counted, excerpt, grouped, inputName, printable, share } from '../text/words.js';

const reasonsMax = 20;

function firstText({ line, n, op, expected, observed }: NonNullable<VectorsReport['first']>): string {
  const shown = (value: unknown) => excerpt(JSON.stringify(value) ?? 'nothing', 1000);
  return [
    `The first, on line ${line}: call ${n}, ${printable(op)}`,
    `  expected  ${shown(expected)}`,
    `  recorded  ${shown(observed)}`,
    '',
  ].join('\n');
}

/** Calls that were not compared, by operation and reason, the most frequent first. */
function unmodelledText(unmodelled: VectorsReport['unmodelled']): string {
  const groups = new Map<string, { op: string; reason: string; count: number; line: number }>();
  for (const { op, reason, line } of unmodelled) {
    const key = `${op}\n${reason}`;
    const group = groups.get(key) ?? { op, reason, count: 0, line };
    groups.set(key, { ...group, count: group.count + 1 });
  }
  const sorted = [...groups.values()].sort((a, b) => b.count - a.count);
  const rows = sorted
    .slice(0, reasonsMax)
    .map(({ op, reason, count, line }) => [grouped(count), `${line}`, excerpt(op, 60), excerpt(reason)]);
  const columns = [
    { title: 'calls', align: 'right' },
    { title: 'first line', align: 'right' },
    { title: 'operation' },
    { title: 'why it was not compared' },
  ] as const;
  const rest = sorted.length - rows.length;
  return table(columns, rows) + (rest > 0 ? `and ${counted(rest, 'more reason')}, all in --json\n` : '');
}

/** The report for people. */
export function vectorsText(file: string, report: VectorsReport, paint: Paint): string {
  const { format, vectors, compared, mismatches, first, unmodelled } = report;
  if (vectors === 0 && report.error !== null) return '';
  const verdict =
    mismatches === 0
      ? paint.good(compared === 0 ? 'nothing to disagree with' : 'all agree')
      : paint.bad(`${counted(mismatches, 'differs', 'differ')}`);
  const of = format === '' ? '' : ` of ${printable(format)}`;
  const parts = [
    `${inputName(file)}: ${counted(vectors, 'call')}${of}, ${grouped(compared)} compared: ${verdict}.\n`,
  ];
  if (first !== null) parts.push(firstText(first));
  if (unmodelled.length > 0) {
    parts.push(
      `Not compared: ${counted(vectors - compared, 'call')}, ${share(vectors - compared, vectors)}.\n` +
        unmodelledText(unmodelled),
    );
  }
  return parts.join('\n');
}
