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

/** The same amounts in at most `columns` columns, each the sum of as many neighbours. */
export function gathered(values: readonly number[], columns: number): { perColumn: number; sums: number[] } {
  const perColumn = Math.max(1, Math.ceil(values.length / columns));
  const sums = Array.from({ length: Math.ceil(values.length / perColumn) }, () => 0);
  for (const [at, value] of values.entries()) sums[Math.floor(at / perColumn)]! += value;
  return { perColumn, sums };
}
