const blocks = '▁▂▃▄▅▆▇█';

/** A row of bars as high as the values, each at least one step high where there is something at all. */
export function spark(values: readonly number[]): string {
  const highest = Math.max(...values, 0);
  const bar = (value: number) => {
    if (value <= 0) return ' ';
    const height = Math.ceil((value / highest) * blocks.length);
    return blocks[Math.min(Math.max(height, 1), blocks.length) - 1]!;
  };
  return values.map(bar).join('');
}

/** Amounts by their place, summed up in columns of so many places. */
export function gathered(
  amounts: readonly { readonly place: number; readonly amount: number }[],
  perColumn: number,
): number[] {
  const last = Math.max(-1, ...amounts.map(({ place }) => place));
  const sums = Array.from({ length: Math.ceil((last + 1) / perColumn) }, () => 0);
  for (const { place, amount } of amounts) sums[Math.floor(place / perColumn)]! += amount;
  return sums;
}
