import type { FollowReport } from '@spapr-dma/trace';
import { gathered, spark } from '../text/spark.js';
import { table } from '../text/table.js';
import { counted, grouped, seconds } from '../text/words.js';

type Bucket = FollowReport['rates']['buckets'][number];
type Kind = Exclude<keyof Bucket, 'at'>;

const kinds: readonly (readonly [Kind, string])[] = [
  ['put', 'H_PUT_TCE'],
  ['indirect', 'H_PUT_TCE_INDIRECT'],
  ['stuff', 'H_STUFF_TCE'],
  ['get', 'H_GET_TCE'],
  ['xlate', 'translations'],
];

const columnsMax = 60;

/**
 * How many calls of each kind came when; a kind that never came has no row. Buckets in which nothing happened are left
 * out of the report. Without timestamps a line stands for a second.
 */
export function ratesText({ bucketSeconds, buckets }: FollowReport['rates']): string {
  const total = (kind: Kind) => buckets.reduce((sum, bucket) => sum + bucket[kind], 0);
  const seen = kinds.filter(([kind]) => total(kind) > 0);
  if (seen.length === 0) return '';
  const width = bucketSeconds ?? 1;
  const placeOf = ({ at }: Bucket) => Math.round(at / width);
  const places = placeOf(buckets.at(-1)!) + 1;
  const perColumn = Math.ceil(places / columnsMax);
  const rows = seen.map(([kind, name]) => {
    const amounts = buckets.map((bucket) => ({ place: placeOf(bucket), amount: bucket[kind] }));
    const most = Math.max(...amounts.map(({ amount }) => amount)) / width;
    const peak = bucketSeconds === null ? '' : `${grouped(Math.round(most))} a second`;
    return [name, spark(gathered(amounts, perColumn)), grouped(total(kind)), peak];
  });
  const whole =
    bucketSeconds === null
      ? `TCE calls in ${counted(places, 'line')}, ${counted(perColumn, 'line')} a column`
      : `TCE calls in ${seconds(width * places)}, ${seconds(width * perColumn)} a column`;
  const columns = [
    { title: '' },
    { title: '' },
    { title: 'calls', align: 'right' },
    { title: bucketSeconds === null ? '' : 'at most', align: 'right' },
  ] as const;
  return `${whole}\n${table(columns, rows, '  ')}`;
}

/** Events by name, the most frequent first. */
export function eventsText(title: string, events: Readonly<Record<string, number>>, most: number): string {
  const sorted = Object.entries(events).sort(([, a], [, b]) => b - a);
  if (sorted.length === 0) return '';
  const shown = sorted.slice(0, most).map(([name, count]) => `${name} ${grouped(count)}`);
  const rest = sorted.length - shown.length;
  return `${title}: ${shown.join(', ')}${rest > 0 ? ` and ${counted(rest, 'other')}` : ''}.\n`;
}
