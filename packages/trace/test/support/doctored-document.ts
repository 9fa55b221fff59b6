import type { Kind } from './doctor.ts';
import { HORIZON, isAtTheLine, type Verdict } from './doctored-runs.ts';

/** Why a falsified line can pass for a true one. */
export const REASONS = {
  G: 'The value is the guest’s own and QEMU does not look at it: a configuration address, the address of a list, the place within a page that a device uses.',
  H: 'The value is the host’s own: a pointer, or a file descriptor. With a descriptor KVM holds the table and may change it without a line, so that less is held against the log, not more.',
  S: 'QEMU stores what a guest writes without reading it. Another value shows only where a device or H_GET_TCE looks at the entry before it is written again.',
  L: 'The line shows the last TCE of a list. The others are unknown: the first look at one teaches it, whatever it shows, and only the next look has something to disagree with.',
  Z: 'Kernels clear what is clear already: zeros over zeros leave the same table, wherever in a window they fall.',
  R: 'The line changes nothing: a lookup, H_GET_TCE, a query or a table saved for migration can be missing, come twice, or stand elsewhere while nobody writes what it reads.',
  P: 'The value tells a property that no other line has told: page sizes, addresses, and a window’s size, which shows only where a call passes its end.',
  X: 'Any LIOBN without a window refuses a call in the same way, and so does an address that the window does not have.',
  T: 'Two windows hold the same there, or the other window takes the call as well.',
  V: 'A PHB that is unplugged vanishes without a line, and its windows answer until RCU frees them: both answers are right, and either window may be the last.',
  E: 'The log ends, or the window does, before anything depends on it.',
  C: 'The two lines do not touch the same entry or window: in either order they lead to the same machine.',
  M: 'A machine may be reset, and a PHB plugged, at any moment, and only later lines tell whether a log shows all that a reset does.',
  W: 'Written twice is written once.',
  D: 'What was to happen at the missing line can have happened otherwise: a write that nobody looked at, a window that went with its PHB or by a reset, a create that failed and left its table behind.',
} as const;
type Reason = keyof typeof REASONS;

const KIND_TEXT: Readonly<Record<Kind, string>> = {
  alter: '',
  drop: 'missing',
  double: 'doubled',
  'swap with the next': 'swapped with the line after it',
  swap: 'swapped with another line',
};

const short = (event: string): string => event.replace('spapr_iommu_', '');

/** Why some falsified lines of this kind are not caught. */
const WHY: Readonly<Record<string, string>> = {
  'put ioba': 'SP',
  'put liobn': 'XTV',
  'put ret': 'VP',
  'put tce, page': 'S',
  'put tce, permissions': 'S',
  'get ioba': 'TX',
  'get liobn': 'XTV',
  'get ret': 'VPE',
  'get tce, page': 'L',
  'get tce, permissions': 'L',
  'stuff ioba': 'ZS',
  'stuff liobn': 'ZT',
  'stuff npages': 'ZS',
  'stuff ret': 'PV',
  'stuff tcevalue, page': 'S',
  'stuff tcevalue, permissions': 'S',
  'indirect ioba': 'SL',
  'indirect iobaN': 'SL',
  'indirect liobn': 'XT',
  'indirect ret': 'PV',
  'indirect tcelist': 'G',
  'indirect tceN, page': 'S',
  'indirect tceN, permissions': 'S',
  'xlate liobn': 'TL',
  'xlate address, within the page': 'G',
  'xlate address, page': 'TL',
  'xlate page': 'L',
  'xlate perm': 'L',
  'xlate mask': 'L',
  'new_table liobn': 'EM',
  'new_table table': 'H',
  'new_table table, none': 'E',
  'new_table fd': 'H',
  'ddw_query addr': 'G',
  'ddw_query mask': 'P',
  'ddw_create addr': 'G',
  'ddw_create page size': 'PE',
  'ddw_create requested': 'P',
  'ddw_create start addr': 'P',
  'ddw_remove liobn': 'V',
  'ddw_reset addr': 'G',
  'pre_save entries': 'P',
  'pre_save bus_offset': 'P',
  'post_load entries before': 'P',
  'post_load entries after': 'P',
  'post_load bus_offset': 'E',
  'post_load ps': 'E',
};

const READS = new Set(['xlate', 'get', 'ddw_query', 'pre_save']);

function reasonsOf(kind: Kind, event: string, field: string | null): readonly Reason[] {
  if (kind === 'alter') return [...(WHY[`${short(event)} ${field}`] ?? '')] as Reason[];
  const isRead = READS.has(short(event));
  switch (kind) {
    case 'drop':
      return isRead ? ['R'] : short(event) === 'stuff' ? ['Z', 'D'] : ['D'];
    case 'double':
      return isRead ? ['R'] : short(event) === 'new_table' ? ['M', 'E'] : ['W'];
    default:
      return isRead ? ['R', 'C'] : short(event) === 'stuff' ? ['Z', 'C'] : ['C', 'D'];
  }
}

/** What became of one kind of falsified line. */
export interface Row {
  readonly kind: Kind;
  readonly event: string;
  readonly field: string | null;
  readonly copies: number;
  readonly caught: number;
  readonly atTheLine: number;
  readonly reasons: readonly Reason[];
}

const ORDER = [
  'put',
  'get',
  'stuff',
  'indirect',
  'xlate',
  'new_table',
  'ddw_query',
  'ddw_create',
  'ddw_remove',
  'ddw_reset',
  'pre_save',
  'post_load',
];

/** The verdicts by event, kind and field. */
export function rowsOf(verdicts: readonly Verdict[]): readonly Row[] {
  const groups = new Map<string, Verdict[]>();
  for (const verdict of verdicts) {
    const { kind, event, field } = verdict.doctoring;
    const key = `${kind}|${event}|${field}`;
    groups.set(key, [...(groups.get(key) ?? []), verdict]);
  }
  const rows = [...groups.values()].map((group): Row => {
    const { kind, event, field } = (group[0] as Verdict).doctoring;
    const caught = group.filter(({ refused }) => refused !== null).length;
    return {
      kind,
      event,
      field,
      copies: group.length,
      caught,
      atTheLine: group.filter(isAtTheLine).length,
      reasons: caught === group.length ? [] : reasonsOf(kind, event, field),
    };
  });
  const place = (event: string) => ORDER.indexOf(short(event));
  const kinds = Object.keys(KIND_TEXT);
  return rows.sort(
    (a, b) => place(a.event) - place(b.event) || kinds.indexOf(a.kind) - kinds.indexOf(b.kind),
  );
}

const percent = (part: number, whole: number): string => `${Math.floor((100 * part) / whole)} %`;
const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;

function kindLine(rows: readonly Row[], kind: Kind): string {
  const own = rows.filter((row) => row.kind === kind);
  const sum = (of: (row: Row) => number) => own.reduce((total, row) => total + of(row), 0);
  const [copies, caught, at] = [
    sum((row) => row.copies),
    sum((row) => row.caught),
    sum((row) => row.atTheLine),
  ];
  const text = kind === 'alter' ? 'one field altered' : `line ${KIND_TEXT[kind]}`;
  return line([text, copies, percent(caught, copies), percent(at, copies)]);
}

/** The page on falsified logs. */
export function doctoredDocument(
  rows: readonly Row[],
  { seed, each }: { readonly seed: number; readonly each: number },
): string {
  return `<!-- Generated by packages/trace from falsified copies of traces/. UPDATE=1 npx vitest run doctored, in packages/trace, writes it anew. -->
# Falsified logs

A specification that accepts everything is worth nothing. So copies of the recorded logs are falsified by one line, and
followed: which are refused, and where? Lines of the IOMMU and of its windows are altered in one field, left out, doubled,
or swapped. The sample is fixed (seed ${seed}, up to ${each} copies for each log, event and change).

Not every false line can be caught: often the false log is one that another machine could have written. The reasons have
letters, explained below. No rule refuses a log because a thread's times go back, though that would catch many a swap:
a host's clock may be set. The report counts such lines and names the first.

| change | copies | refused | at the line |
| --- | ---: | ---: | ---: |
${(Object.keys(KIND_TEXT) as Kind[]).map((kind) => kindLine(rows, kind)).join('\n')}

*At the line* means at a line that was touched, or at the one after a missing line. The others are refused later, where
something depends on what is wrong; a copy that still stands ${HORIZON} lines on counts as accepted.

## By event

| event | change | copies | refused | at the line | why not all |
| --- | --- | ---: | ---: | ---: | --- |
${rows.map((row) => line([short(row.event), row.field ?? KIND_TEXT[row.kind], row.copies, percent(row.caught, row.copies), percent(row.atTheLine, row.copies), row.reasons.join(', ')])).join('\n')}

## Why not all

${Object.entries(REASONS)
  .map(([letter, text]) => `- **${letter}**: ${text}`)
  .join('\n')}
`;
}
