import { beforeAll, describe, expect, test } from 'vitest';
import { followLog } from '../src/index.ts';
import { type Doctoring, doctorings, eventOf, FIELDS, type Kind, random } from './support/doctor.ts';
import { doctoredDocument, type Row, rowsOf } from './support/doctored-document.ts';
import { type Verdict, verdictsOn } from './support/doctored-runs.ts';
import { chunked, linesOf, recordings } from './support/follow.ts';
import { generatedAt } from './support/generated.ts';

const SAMPLE = { seed: 20_251_121, each: 3 };
const how = `seed ${SAMPLE.seed}; out of date: UPDATE=1 npx vitest run doctored, in packages/trace`;

const verdicts = new Map<string, readonly Verdict[]>();
let rows: readonly Row[] = [];

beforeAll(() => {
  for (const name of recordings) {
    const lines = linesOf(name);
    const copies = doctorings(lines, SAMPLE.each, random(SAMPLE.seed));
    verdicts.set(
      name,
      verdictsOn(
        lines.map((line) => Buffer.from(line, 'latin1')),
        copies,
      ),
    );
  }
  rows = rowsOf([...verdicts.values()].flat());
}, 300_000);

const shareOf = (kind: Kind): number => {
  const own = rows.filter((row) => row.kind === kind);
  const sum = (of: (row: Row) => number) => own.reduce((total, row) => total + of(row), 0);
  return sum((row) => row.caught) / sum((row) => row.copies);
};

test('every IOMMU event of the recordings is falsified in every field', () => {
  const met = new Set(
    recordings.flatMap((name) => linesOf(name).map(eventOf)).filter((event) => event !== null),
  );
  expect([...met].sort()).toEqual(Object.keys(FIELDS).sort());
  const fields = Object.entries(FIELDS).flatMap(([event, own]) => own.map(([field]) => `${event} ${field}`));
  const altered = new Set(
    rows.filter(({ kind }) => kind === 'alter').map(({ event, field }) => `${event} ${field}`),
  );
  expect([...altered].sort()).toEqual(fields.sort());
});

test.each([
  ['alter', 0.5],
  ['drop', 0.25],
  ['double', 0.15],
  ['swap with the next', 0.25],
  ['swap', 0.5],
] as const)('of lines that are falsified by "%s", at least %d are refused', (kind, least) => {
  expect(shareOf(kind), how).toBeGreaterThanOrEqual(least);
});

/** What nobody but the true machine can have answered. */
describe('an answer that QEMU would not have given is refused', () => {
  test.each([
    ['spapr_iommu_put', 'ret', 0.9],
    ['spapr_iommu_get', 'ret', 0.8],
    ['spapr_iommu_get', 'tce, page', 0.5],
    ['spapr_iommu_stuff', 'ret', 1],
    ['spapr_iommu_indirect', 'ret', 1],
    ['spapr_iommu_indirect', 'liobn', 1],
    ['spapr_iommu_xlate', 'liobn', 0.9],
    ['spapr_iommu_xlate', 'page', 0.85],
    ['spapr_iommu_xlate', 'perm', 0.85],
    ['spapr_iommu_xlate', 'mask', 1],
    ['spapr_iommu_new_table', 'liobn', 0.9],
    ['spapr_iommu_new_table', 'table, none', 0.95],
    ['spapr_iommu_ddw_query', 'buid', 1],
    ['spapr_iommu_ddw_query', 'windows available', 1],
    ['spapr_iommu_ddw_query', 'max window size', 1],
    ['spapr_iommu_ddw_query', 'mask', 0.9],
    ['spapr_iommu_ddw_create', 'buid', 1],
    ['spapr_iommu_ddw_create', 'liobn', 1],
    ['spapr_iommu_ddw_create', 'start addr', 1],
    ['spapr_iommu_ddw_create', 'page size', 0.6],
    ['spapr_iommu_ddw_remove', 'liobn', 0.7],
    ['spapr_iommu_ddw_reset', 'buid', 1],
    ['spapr_iommu_pre_save', 'liobn', 1],
    ['spapr_iommu_pre_save', 'ps', 1],
    ['spapr_iommu_post_load', 'liobn', 1],
  ])('%s, %s: at least %d', (event, field, least) => {
    const row = rows.find((each) => each.kind === 'alter' && each.event === event && each.field === field);
    expect(row, how).toBeDefined();
    expect(row!.caught / row!.copies, how).toBeGreaterThanOrEqual(least);
  });
});

test.each([
  ['drop', 'spapr_iommu_ddw_create'],
  ['double', 'spapr_iommu_ddw_create'],
  ['double', 'spapr_iommu_ddw_remove'],
  ['double', 'spapr_iommu_ddw_reset'],
  ['swap', 'spapr_iommu_ddw_create'],
  ['swap with the next', 'spapr_iommu_ddw_create'],
] as const)('%s: a window call is missed wherever it stands (%s)', (kind, event) => {
  const row = rows.find((each) => each.kind === kind && each.event === event);
  expect(row?.caught, how).toBe(row?.copies);
});

test('what is not refused has its reason', () => {
  const without = rows.filter(({ copies, caught, reasons }) => caught < copies && reasons.length === 0);
  expect(without.map(({ kind, event, field }) => `${kind} ${event} ${field}`)).toEqual([]);
});

/** The falsified log from its beginning to its end. */
function whole(lines: readonly string[], { at, head, resume, replaced }: Doctoring): string {
  const tail = lines.slice(resume).map((line, n) => (resume + n === replaced?.at ? replaced.text : line));
  return [...lines.slice(0, at), ...head, ...tail].map((line) => `${line}\n`).join('');
}

test('a falsified log is refused where its fork was', async () => {
  const rng = random(SAMPLE.seed + 1);
  for (const name of recordings.filter((each) => linesOf(each).length < 6000)) {
    const lines = linesOf(name);
    const own = verdicts.get(name) as readonly Verdict[];
    for (let n = 0; n < 5; n++) {
      const { doctoring, refused } = own[rng(own.length)] as Verdict;
      const report = await followLog(chunked(whole(lines, doctoring)));
      const seen = report.divergence?.line ?? report.error?.line ?? null;
      expect(seen, `${name} ${JSON.stringify(doctoring)}`).toBe(refused);
    }
  }
});

test('docs/follow-doctored.md tells what this sample showed', () => {
  const document = doctoredDocument(rows, SAMPLE);
  expect(document.split('\n')[0]).toContain('Generated');
  expect(generatedAt('docs/follow-doctored.md', document), how).toBe(document);
});
