import { parseSync } from 'rolldown/utils';

/** A comment of a source file, without its marks. */
export interface Comment {
  /** Where it begins, from 1. */
  readonly line: number;
  readonly text: string;
}

const lineAt = (text: string, offset: number): number => text.slice(0, offset).split('\n').length;

/** The text of a comment: neither the stars at the beginning of its lines nor those around it. */
const plain = (value: string): string =>
  value
    .replace(/^\*/, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\*? ?/, '').trimEnd())
    .join('\n')
    .trim();

/** Every comment of a source; neighbouring `//` lines are one. */
export function commentsIn(file: string, text: string): Comment[] {
  const found: Comment[] = [];
  let lastLine = Number.NaN;
  for (const { type, value, start } of parseSync(file, text).comments) {
    const line = lineAt(text, start);
    const before = found.at(-1);
    if (type === 'Line' && before !== undefined && line === lastLine + 1) {
      found[found.length - 1] = { ...before, text: `${before.text} ${plain(value)}` };
    } else found.push({ line, text: plain(value) });
    lastLine = type === 'Line' ? line : Number.NaN;
  }
  return found;
}

/** What a comment names as its sources: each text after `@see`, cut where the next `@` word begins. */
export const citationsIn = ({ text }: Comment): string[] =>
  [...text.matchAll(/@see\s+([^@]+)/g)].map(([, cited = '']) => cited.replace(/\s+/g, ' ').trim());

/** What a comment says after "Abstraction:", to the end of the paragraph or to the next `@` word. */
export const abstractionsIn = ({ text }: Comment): string[] =>
  [...text.matchAll(/\bAbstraction:\s+([\s\S]*?)(?=\n\s*\n|\s*@\w|$(?![\s\S]))/g)].map(([, said = '']) =>
    said.replace(/\s+/g, ' ').trim(),
  );
