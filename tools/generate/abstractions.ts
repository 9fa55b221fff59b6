import { abstractionsIn, citationsIn, commentsIn } from '../checks/comments.ts';
import { code, type GeneratedDocument, generated, isStarted, sourceFiles, table, write } from './document.ts';

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

/** Every departure from a source that a comment of the sources declares. */
export function abstractionsDocument(): GeneratedDocument {
  const all = abstractions();
  const folders = [...new Set(all.map(({ folder }) => folder))];
  return generated('abstractions', 'the comments of the sources that say "Abstraction:"', 'Abstractions', [
    'Where the specification departs from its sources on purpose, in the words of the code. What it leaves out altogether',
    'is in [not-modelled.md](not-modelled.md).',
    ...folders.flatMap((folder) => [
      '',
      `## ${folder}`,
      '',
      ...table(
        ['where', 'abstraction', 'source'],
        all
          .filter((each) => each.folder === folder)
          .map(({ file, text, sources }) => [
            `[${file.replace(/.*\/src\//, '')}](../${file})`,
            text,
            sources.map(code).join('<br>'),
          ]),
      ),
    ]),
  ]);
}

if (isStarted(import.meta.url)) write(abstractionsDocument());
