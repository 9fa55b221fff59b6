import type { Fault } from '../mutate/fault.ts';
import { FAULTS, SUBJECTS } from '../mutate/faults/index.ts';
import { JUDGES, type JudgeName, RECORDINGS } from '../mutate/judges.ts';
import { caughtBy, type Judged, keptResult } from '../mutate/result.ts';
import { SURVIVORS } from '../mutate/survivors.ts';
import { code, type GeneratedDocument, generated, isStarted, table, write } from './document.ts';

const judges = Object.keys(JUDGES) as JudgeName[];
const result = keptResult();
const NOTHING: Judged = { digest: '', verdicts: {} };

const judgedOf = ({ name }: Fault): Judged => result[name] ?? NOTHING;

const markOf = (judged: Judged, judge: JudgeName): string => {
  const verdict = judged.verdicts[judge];
  if (verdict === undefined) return '';
  return verdict === null ? '·' : '×';
};

/** How many faults some of these judges noticed, of those about which one of them was asked. */
function shareOf(some: readonly JudgeName[]): string {
  const asked = FAULTS.map(judgedOf).filter(({ verdicts }) => some.some((judge) => judge in verdicts));
  const noticed = asked.filter((judged) => caughtBy(judged).some((judge) => some.includes(judge)));
  return `${noticed.length} of ${asked.length}`;
}

/** Faults that nobody else notices. */
const onlyBy = (judge: JudgeName): readonly Fault[] =>
  FAULTS.filter((fault) => {
    const [first, ...others] = caughtBy(judgedOf(fault));
    return first === judge && others.length === 0;
  });

const judgeRows = judges.map((judge) => {
  const asked = FAULTS.filter((fault) => judgedOf(fault).verdicts[judge] !== undefined);
  const caught = asked.filter((fault) => caughtBy(judgedOf(fault)).includes(judge));
  return [code(judge), JUDGES[judge], `${caught.length} of ${asked.length}`, `${onlyBy(judge).length}`];
});

const subjectTables = SUBJECTS.flatMap(([title, faults]) => [
  `### ${title}`,
  '',
  ...table(
    ['fault', 'what is wrong then', ...judges],
    faults.map((fault) => [
      code(fault.name),
      fault.what,
      ...judges.map((judge) => markOf(judgedOf(fault), judge)),
    ]),
  ),
  '',
]);

const survivors = Object.entries(SURVIVORS);

/** What planted faults tell of those who judge the machine. */
export function mutationDocument(): GeneratedDocument {
  const tests: readonly JudgeName[] = ['laws', 'units'];
  const unasked = FAULTS.filter(({ name }) => result[name] === undefined).length;
  return generated('mutation', 'tools/mutate', 'Planted faults', [
    'Each of these faults was planted alone in the machine of `packages/qemu-spapr`, in a copy of the repository; then everybody who',
    'judges the machine was asked. × noticed it, · was silent, and nothing stands where nobody asked. A judge that has something to say of',
    'the machine without a fault is not asked at all. Property tests draw their values from a fixed seed.',
    '',
    `There are ${FAULTS.length} faults. Noticed were ${shareOf(judges)} that somebody was asked about; ${shareOf([...RECORDINGS, 'live'])}`,
    'by the recordings and the live run, in which neither stories nor tests have a hand;',
    `${shareOf(['stories', ...tests])} by the stories and the tests.`,
    ...(unasked > 0 ? [`About ${unasked} nobody has been asked yet.`] : []),
    '',
    ...table(['judge', 'is', 'noticed', 'alone'], judgeRows),
    '',
    '`logs`, `vectors`, `cases` and `live` know a QEMU without KVM and VFIO only: of what QEMU does beside them they cannot tell.',
    '',
    '```sh',
    'npm run mutate -- --only create- --judges logs,vectors,units   # some faults, some judges, nothing kept',
    'npm run mutate -- --keep && node --import ./tools/typescript.mjs tools/generate/mutation.ts',
    '```',
    '',
    'The second line takes about an hour on one core. A fault is data (`tools/mutate/faults/`): the text of a source and what stands',
    'there instead. Where a source changes, a test tells which faults have to follow it.',
    '',
    '## Faults',
    '',
    ...subjectTables,
    '## Faults that nobody notices',
    '',
    ...(survivors.length === 0 ? ['None.'] : survivors.map(([name, why]) => `- ${code(name)}: ${why}`)),
    '',
    '## Why not Stryker',
    '',
    'Stryker (`@stryker-mutator/core`) was tried first. Version 10 needs Node 22. Version 9.6 runs on Node 20 and allows vitest 4, but reads',
    '`tsconfig.json` by the programming interface of the TypeScript compiler, which TypeScript 7 does not have any more; its type checker needs the',
    'same. With that switched off it makes 6473 mutants of the package: more than two days at the half minute that all judges take, nearly all',
    'of them of no interest, and without a word of which rule of QEMU is broken. Above all it asks one test runner, whereas the question here is',
    'which of eight judges would have noticed: recordings, a QEMU that runs, stories, laws or tests.',
  ]);
}

if (isStarted(import.meta.url)) write(mutationDocument());
