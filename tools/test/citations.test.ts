import { describe, expect, test } from 'vitest';
import { citationsIn, commentsIn } from '../checks/comments.ts';
import { repositoryFiles, textOf } from '../checks/repository.ts';
import { sourceFiles } from '../generate/document.ts';

const sources = textOf('docs/sources.md') ?? '';
/** The keys in brackets that the first column of a table defines. */
const defined = [...sources.matchAll(/^\| `\[([^\]]+)\]` \|/gm)].map(([, key = '']) => key);

/** Other ways to cite, which `docs/sources.md` describes. */
const otherForms = [/^capture \d/, /^spec \d\d\b/, /^docs\/\S+\.md\b/];

const cited = sourceFiles().flatMap(({ file, text }) =>
  commentsIn(file, text).flatMap((comment) =>
    citationsIn(comment).map((citation) => ({ at: `${file}:${comment.line}`, citation })),
  ),
);

const keyOf = (citation: string): string | undefined => /^\[([^\]]+)\]/.exec(citation)?.[1];

test('docs/sources.md defines every key that a comment cites, and no other', () => {
  const keys = new Set(cited.flatMap(({ citation }) => keyOf(citation) ?? []));
  expect([...keys].sort()).toEqual([...defined].sort());
});

test('every citation begins with a key, or has a form that docs/sources.md describes', () => {
  const strange = cited.filter(
    ({ citation }) => keyOf(citation) === undefined && !otherForms.some((form) => form.test(citation)),
  );
  expect(strange).toEqual([]);
});

test('a citation names functions or titles, and no line numbers', () => {
  expect(cited.filter(({ citation }) => /\blines? \d|\.[ch]:\d/.test(citation))).toEqual([]);
});

describe('hazards', () => {
  const numbersIn = (text: string): readonly string[] =>
    [...text.matchAll(/\bB-(\d\d)\b/g)].map(([, number = '']) => number);
  const switches = new Set(numbersIn(textOf('docs/switches.md') ?? ''));
  const others = textOf('docs/abstractions.md') ?? '';
  const listed = [...others.matchAll(/^\| B-(\d\d): /gm)].map(([, number = '']) => number);
  const search = textOf('docs/found-by-search.md') ?? '';
  const found = [...search.matchAll(/^### B-(\d\d) /gm)].map(([, number = '']) => number);
  const numbers = (first: number, count: number): readonly string[] =>
    Array.from({ length: count }, (_, at) => String(first + at).padStart(2, '0'));

  test('each number is in docs/switches.md or a row of docs/abstractions.md, and not in both', () => {
    const before = [...switches, ...listed].filter((number) => !found.includes(number));
    expect(before.sort()).toEqual(numbers(1, 64));
  });

  test('those that the search found have the next numbers', () => {
    expect(found.length).toBeGreaterThan(0);
    expect(found).toEqual(numbers(65, found.length));
  });

  test('a number that is used anywhere is one of them', () => {
    const files = repositoryFiles().filter((file) =>
      /^(?:packages|apps|stories|docs|vectors)\/.*\.(?:ts|json|md)$/.test(file),
    );
    const known = new Set([...switches, ...listed, ...found]);
    const unknown = files.flatMap((file) =>
      numbersIn(textOf(file) ?? '')
        .filter((number) => !known.has(number))
        .map((number) => `${file}: B-${number}`),
    );
    expect(unknown).toEqual([]);
  });
});
