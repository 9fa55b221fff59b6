/** A value of a setting, and where that is known from. */
export type Cell = readonly [value: string, source: string];
/** One version's values, by the names of the settings. */
export type Cells = Readonly<Record<string, Cell>>;
