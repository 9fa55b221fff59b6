import { abstractionsIn, citationsIn, commentsIn } from '../checks/comments.ts';
import { code, type GeneratedDocument, generated, isStarted, sourceFiles, table, write } from './document.ts';
import { PLAIN_HAZARDS } from './hazards.ts';

interface Abstraction {
  readonly folder: string;
  readonly file: string;
  readonly text: string;
  readonly sources: readonly string[];
}

function abstractions(): readonly Abstraction[] {
  return sourceFiles().flatMap(({ file, text }) =>
    commentsIn(file, text).flatMap((comment) =>
      abstractionsIn(comment).map((said) => ({
        folder: file.replace(/\/src\/.*/, ''),
        file,
        text: said,
        sources: citationsIn(comment),
      })),
    ),
  );
}

const link = (file: string): string => `[${file.replace(/.*\/src\//, '')}](../${file})`;

/** The hazards that have no switch, and why. */
const hazards = (): readonly string[] => [
  '## Hazards without a switch',
  '',
  'A hazard is a known defect, a race or a trap of the platform, with a number. Those that a switch or a version decides are in',
  '[switches.md](switches.md). These are the others:',
  '',
  ...table(
    ['hazard', 'why it has no switch', 'where'],
    PLAIN_HAZARDS.map(({ number, text, reason, file }) => [
      `${number}: ${text}`,
      reason,
      file === null ? '' : link(file),
    ]),
  ),
];

/**
 * Every departure from a source that a comment of the sources declares, and the hazards that nobody can turn on or
 * off.
 */
export function abstractionsDocument(): GeneratedDocument {
  const all = abstractions();
  const folders = [...new Set(all.map(({ folder }) => folder))];
  return generated(
    'abstractions',
    'the comments of the sources that say "Abstraction:" and tools/generate/hazards.ts',
    'Abstractions',
    [
      'Where the specification departs from its sources on purpose, in the words of the code, by package; and at the end the',
      '[hazards without a switch](#hazards-without-a-switch). What it leaves out altogether is in',
      '[not-modelled.md](not-modelled.md).',
      ...folders.flatMap((folder) => [
        '',
        `## ${folder}`,
        '',
        ...table(
          ['where', 'abstraction', 'source'],
          all
            .filter((each) => each.folder === folder)
            .map(({ file, text, sources }) => [link(file), text, sources.map(code).join('<br>')]),
        ),
      ]),
      '',
      ...hazards(),
    ],
  );
}

if (isStarted(import.meta.url)) write(abstractionsDocument());
