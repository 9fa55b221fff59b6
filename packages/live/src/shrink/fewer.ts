/**
 * Leaves out items as long as the rest still fails: halves first, then ever smaller chunks, then single items until
 * none can be spared. The order stays. `items` must fail themselves, and are what is left where nothing can be spared.
 * @see [Zeller, Hildebrandt] ddmin
 */
export async function fewer<T>(
  items: readonly T[],
  fails: (items: readonly T[]) => Promise<boolean>,
  chunk: number = Math.ceil(items.length / 2),
): Promise<readonly T[]> {
  let kept = items;
  for (let size = Math.max(1, chunk); ; size = Math.ceil(size / 2)) {
    let spared = false;
    // From the end: what is behind the failing item goes first.
    for (let end = kept.length; end > 0; end -= size) {
      const start = Math.max(0, end - size);
      const rest = [...kept.slice(0, start), ...kept.slice(end)];
      if (!(await fails(rest))) continue;
      kept = rest;
      spared = true;
    }
    if (size === 1 && !spared) return kept;
  }
}
