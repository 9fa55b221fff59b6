export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** A cell, and how it is painted once its width is known. */
export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

const textOf = (cell: Cell): string => (typeof cell === 'string' ? cell : cell.text);

/** Columns as wide as their widest cell, two spaces apart; each line ends with a newline. */
export function table(columns: readonly Column[], rows: readonly (readonly Cell[])[], indent = ''): string {
  const widths = columns.map(({ title }, at) =>
    Math.max(title.length, ...rows.map((row) => [...textOf(row[at] ?? '')].length)),
  );
  const lineOf = (cells: readonly Cell[]) => {
    const padded = columns.map(({ align }, at) => {
      const cell = cells[at] ?? '';
      const text = textOf(cell);
      const shown = typeof cell === 'string' ? cell : cell.paint(text);
      const gap = ' '.repeat(widths[at]! - [...text].length);
      if (align === 'right') return gap + shown;
      return at === columns.length - 1 ? shown : shown + gap;
    });
    return `${indent}${padded.join('  ').trimEnd()}\n`;
  };
  return [columns.map(({ title }) => title), ...rows].map(lineOf).join('');
}

/** The first and last of many rows, with a row between that says how many were left out. */
export function abridged<Row>(rows: readonly Row[], most: number, leftOut: (count: number) => Row): Row[] {
  if (rows.length <= most) return [...rows];
  const first = Math.ceil(most / 2);
  const last = most - first;
  return [...rows.slice(0, first), leftOut(rows.length - most), ...rows.slice(rows.length - last)];
}
