const widthMax = 100;

/** 64-bit values become `"0x…"` and fields that nobody filled in become null, so that none is left out. */
function plainValue(_key: string, value: unknown): unknown {
  if (value === undefined) return null;
  return typeof value === 'bigint' ? `0x${value.toString(16)}` : value;
}

/** JSON text; what has room on one line stands on one. */
function laidOut(value: unknown, indent: string): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const isList = Array.isArray(value);
  const [open, close] = isList ? '[]' : '{}';
  const inner = `${indent}  `;
  const parts = isList
    ? value.map((each) => laidOut(each, inner))
    : Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${laidOut(each, inner)}`);
  const length = parts.reduce((sum, part) => sum + part.length + 2, indent.length);
  const isShort = length <= widthMax && !parts.some((part) => part.includes('\n'));
  if (isShort && indent !== '') return `${open}${parts.join(', ')}${close}`;
  return `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${indent}${close}`;
}

/** A document as it is printed. */
export const jsonText = (document: object): string =>
  `${laidOut(JSON.parse(JSON.stringify(document, plainValue)), '')}\n`;
