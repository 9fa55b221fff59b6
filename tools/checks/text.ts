/** Something in a text that does not belong into the repository, with its line from 1. */
export interface Finding {
  readonly line: number;
  readonly text: string;
}

/**
 * Places that exist on one machine only, and addresses that bind the repository to one registry. Where a person
 * has the repository, and what it installs from, is the person's business.
 */
const machineBound: readonly RegExp[] = [
  /(?<![\w.~-])\/(?:work|home|Users)\/[\w.-]+/,
  /(?<![\w.~-])\/root\/[\w.-]+/,
  /\b[A-Z]:\\Users\\/,
  /\.\.\/shared\b/,
  /\bregistry\.(?:npmjs|yarnpkg|npmmirror)\./,
  /\b(?:deb|security|snapshot|archive)\.(?:debian|ubuntu)\.(?:org|com)\b/,
  /"resolved": "[a-z+]+:/,
];

/** Everything in a text that is bound to one machine; `ownPlaces` are further places not to be named. */
export function machineBoundIn(text: string, ownPlaces: readonly string[] = []): Finding[] {
  return text.split('\n').flatMap((line, index) => {
    const isBound =
      machineBound.some((pattern) => pattern.test(line)) || ownPlaces.some((place) => line.includes(place));
    return isBound ? [{ line: index + 1, text: line.slice(0, 200) }] : [];
  });
}

export const lineCount = (text: string): number => text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
