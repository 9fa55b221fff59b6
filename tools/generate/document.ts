import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { repositoryFiles, root, textOf } from '../checks/repository.ts';

/** A document that is made from the sources, and never edited. */
export interface GeneratedDocument {
  /** Relative to the root. */
  readonly path: string;
  readonly text: string;
}

/** How a document is made anew. */
export const writeCommand = (script: string): string =>
  `node --import ./tools/typescript.mjs tools/generate/${script}.ts`;

/** The document with its first line, which says what it is made from and how. */
export const generated = (
  script: string,
  from: string,
  title: string,
  lines: readonly string[],
): GeneratedDocument => ({
  path: `docs/${script}.md`,
  text: [
    `<!-- Generated from ${from}, after a build, by: ${writeCommand(script)} -->`,
    `# ${title}`,
    '',
    ...lines,
    '',
  ].join('\n'),
});

/** A table in Markdown. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] => [
  `| ${head.join(' | ')} |`,
  `|${' --- |'.repeat(head.length)}`,
  ...rows.map((row) => `| ${row.map((cell) => cell.replace(/\|/g, '\\|')).join(' | ')} |`),
];

export const code = (text: string): string => `\`${text}\``;

/** Source files of the packages and the apps, with their texts. */
export const sourceFiles = (): readonly { readonly file: string; readonly text: string }[] =>
  repositoryFiles()
    .filter((file) => /^(?:packages|apps)\/[^/]+\/src\/.*\.ts$/.test(file))
    .map((file) => ({ file, text: textOf(file) ?? '' }));

/** What the repository has of a document; empty where it has none. */
export const writtenText = ({ path }: GeneratedDocument): string =>
  existsSync(`${root}/${path}`) ? readFileSync(`${root}/${path}`, 'utf8') : '';

/** Writes the document where it is not as it should be. */
export function write(document: GeneratedDocument): void {
  const { path, text } = document;
  if (writtenText(document) === text) return;
  writeFileSync(`${root}/${path}`, text);
  process.stdout.write(`${path} written\n`);
}

/** Is this script what Node was started with? */
export const isStarted = (url: string): boolean =>
  process.argv[1] !== undefined && url.endsWith(process.argv[1].replace(/^.*\/tools\//, '/tools/'));
