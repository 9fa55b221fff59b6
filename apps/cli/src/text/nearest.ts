/** How many letters must be inserted, removed or replaced to make one word the other. */
function distance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = above[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, above[column]! + 1, current[column - 1]! + 1));
    }
    above = current;
  }
  return above[b.length]!;
}

/** The name that was probably meant, or undefined where none is near. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  if (word.length > 100) return undefined;
  const near = names
    .map((name) => ({ name, away: name.startsWith(word) ? 1 : distance(word, name) }))
    .filter(({ name, away }) => away <= Math.max(1, Math.floor(name.length / 3)));
  return near.sort((a, b) => a.away - b.away)[0]?.name;
}
