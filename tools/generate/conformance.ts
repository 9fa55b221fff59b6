import { existsSync, readFileSync } from 'node:fs';
import { readJson, root } from '../checks/repository.ts';
import type { conformanceOf } from '../conformance-figures.mjs';
import { code, type GeneratedDocument, generated, isStarted, table, write } from './document.ts';
import { MENDED } from './mended.ts';

/** What `npm run conformance` kept of its last run. */
type Conformance = ReturnType<typeof conformanceOf>;

const FIGURES = 'docs/conformance.json';

const figures = (): Conformance => readJson<Conformance>(FIGURES);

/** Files of calls that the document names. */
export const reproducers = ({ shown }: Conformance = figures()): readonly string[] =>
  shown.map(({ file }) => file);

/** What the first line of a file of calls says for people. */
interface Notes {
  readonly title?: string;
  readonly consequence?: string;
}

/** @throws Error where the file is not there */
export function notesOf(file: string): Notes {
  const [first = ''] = readFileSync(`${root}/${file}`, 'utf8').split('\n', 1);
  return JSON.parse(first) as Notes;
}

const grouped = (value: number): string => value.toLocaleString('en-US');

const link = (file: string): string => `[${file.replace(/.*\//, '')}](../${file})`;

const runsTable = ({ runs }: Conformance): readonly string[] =>
  table(
    ['seed', 'calls', 'machines', 'seconds', 'differences'],
    runs.map(({ seed, calls, machines, seconds, differences }) =>
      [seed, calls, machines, seconds, differences].map(grouped),
    ),
  );

/** An operation a row: its most frequent status first. A transfer may have several. */
const statusesTable = ({ coverage }: Conformance): readonly string[] =>
  table(
    ['operation', 'answers'],
    Object.entries(coverage).map(([op, statuses]) => {
      const counts = Object.entries(statuses).sort(([, a], [, b]) => b - a);
      return [code(op), counts.map(([name, count]) => `${name}: ${grouped(count)}`).join(', ')];
    }),
  );

const unreachedTable = ({ unreached }: Conformance): readonly string[] =>
  unreached.length === 0
    ? ['Every documented status was reached.']
    : table(
        ['why', 'status of operation'],
        [...new Set(unreached.map(({ why }) => why))].map((reason) => [
          reason ?? 'Not met in these runs.',
          unreached
            .filter(({ why }) => why === reason)
            .map(({ op, status }) => `${status} of ${code(op)}`)
            .join(', '),
        ]),
      );

const situationsTable = ({ situations }: Conformance): readonly string[] =>
  table(
    ['situation', 'times'],
    Object.entries(situations).map(([name, count]) => [name, grouped(count)]),
  );

/** Places of the specification that nothing reached, by the reason, those without one first. */
function branchesTable({ branches: { unreached } }: Conformance): readonly string[] {
  const sorted = [...unreached].sort((a, b) => Number(a.why !== null) - Number(b.why !== null));
  const reasons = [...new Set(sorted.map(({ why }) => why))];
  const placesOf = (reason: string | null) => {
    const own = sorted.filter(({ why }) => why === reason);
    return [...new Set(own.map(({ file }) => file))].map((file) => {
      const lines = own.filter((place) => place.file === file).map(({ line }) => line);
      return `[${file}](../packages/qemu-spapr/src/${file}) ${[...new Set(lines)].join(', ')}`;
    });
  };
  return table(
    ['why not', 'file and lines'],
    reasons.map((reason) => [reason ?? 'Not met in these runs.', placesOf(reason).join('; ')]),
  );
}

/** A file of calls with what it shows, and what that means for a host. */
function shownBy(file: string, calls: number | null): readonly string[] {
  const { title = '', consequence = '' } = notesOf(file);
  return [title, consequence, `${link(file)}, ${calls === 1 ? '1 call' : `${calls} calls`}`];
}

const SHOWN = ['what happens', 'what that means for a host', 'shortest calls'];

const abortsTable = ({ shown }: Conformance): readonly string[] =>
  table(
    [...SHOWN, 'times met'],
    shown
      .filter(({ endsQemu }) => endsQemu)
      .map(({ file, calls, times }) => [...shownBy(file, calls), grouped(times)]),
  );

const defectsTable = ({ defects }: Conformance): readonly string[] =>
  table(
    ['hazard', 'switch', ...SHOWN],
    defects.map(({ switch: name, source, confirmed, file, calls }) => [
      source,
      code(name),
      ...(confirmed && file !== null ? shownBy(file, calls) : ['not confirmed', '', '']),
    ]),
  );

const othersTable = ({ shown, defects }: Conformance): readonly string[] =>
  table(
    SHOWN,
    shown
      .filter(({ file, endsQemu }) => !endsQemu && defects.every((defect) => defect.file !== file))
      .map(({ file, calls }) => shownBy(file, calls)),
  );

const mendedTable = (): readonly string[] =>
  MENDED.length === 0
    ? ['None.']
    : table(
        ['what QEMU does', 'mended in', 'where'],
        MENDED.map(({ text, side, file }) => [text, `the ${side}`, link(file)]),
      );

/** What comparing with a running QEMU came to. */
export function conformanceDocument(): GeneratedDocument {
  const kept = figures();
  const { qemu, versions, calls, differences, runs } = kept;
  const seconds = runs.reduce((sum, run) => sum + run.seconds, 0);
  return generated('conformance', `${FIGURES}, which npm run conformance writes`, 'Conformance', [
    `What \`spapr-dma live\` found when it sent the same calls to the specification and to a running QEMU ${qemu}: ${grouped(calls)} calls`,
    `in ${grouped(Math.round(seconds))} seconds, to machines ${versions[0]} to ${versions.at(-1)}, with random PHBs. ${differences === 0 ? 'Every answer was as specified' : `${grouped(differences)} answers were otherwise than specified`}.`,
    '`npm run conformance` does it again. The calls of a line are made again by `npx spapr-dma live --seed N --calls N`; those of 20,000 calls, with more resets, hotplug\nand migrations, with `--until-difference`.',
    '',
    ...runsTable(kept),
    '',
    '## What was answered',
    '',
    ...statusesTable(kept),
    '',
    'Documented statuses that no call was answered with:',
    '',
    ...unreachedTable(kept),
    '',
    '## Situations',
    '',
    'How often a call was made in a situation that is steered for.',
    '',
    ...situationsTable(kept),
    '',
    '## The specification itself',
    '',
    `Of the ${grouped(kept.branches.functions)} functions of QEMU's machine that such calls are about, ${grouped(kept.branches.reached)} ran. What did not run, function or branch:`,
    '',
    ...branchesTable(kept),
    '',
    '## How a guest ends QEMU',
    '',
    'QEMU ended by an assertion or an abort where the specification says that it must. Each file replays with `npx spapr-dma live FILE` on a',
    'real QEMU, and with `npx spapr-dma vectors FILE` without one.',
    '',
    ...abortsTable(kept),
    '',
    '## Known defects that QEMU has',
    '',
    'The specification without the defect (`--set NAME=fixed`) was compared with QEMU until they differed; the specification that has it',
    'answers the same calls as QEMU does.',
    '',
    ...defectsTable(kept),
    '',
    '## What else a guest may not expect',
    '',
    'No switch turns these off: whoever follows QEMU has them.',
    '',
    ...othersTable(kept),
    '',
    '## Differences that were found, and mended',
    '',
    ...mendedTable(),
  ]);
}

if (isStarted(import.meta.url) && existsSync(`${root}/${FIGURES}`)) write(conformanceDocument());
