/** `1234567` → `1,234,567`. */
export const grouped = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 0 });

/** `1 line`, `2,000 lines`. */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${grouped(value)} ${value === 1 ? one : many}`;

/** As many digits as tell something: `0.0042 s`, `12.3 s`, `184 s`. */
export function seconds(value: number): string {
  if (value === 0 || value >= 100) return `${grouped(value)} s`;
  if (value >= 10) return `${value.toFixed(1)} s`;
  if (value >= 0.1) return `${value.toFixed(2)} s`;
  return `${Number(value.toPrecision(2))} s`;
}

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** `12` → `4 KiB`: the size of a page from its shift. */
export function pageSize(shift: number): string {
  const unit = Math.min(Math.floor(shift / 10), units.length - 1);
  return `${2 ** (shift - unit * 10)} ${units[unit]}`;
}

/** Part of a whole, with small parts not rounded to nothing. */
export function share(part: number, whole: number): string {
  if (part === 0 || whole === 0) return '0 %';
  const percent = (100 * part) / whole;
  if (percent < 0.1) return '< 0.1 %';
  return `${percent < 10 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}

/** Text from outside on one line, with nothing in it that a terminal would obey. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about.
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim();
}

/** Text from outside that may be long, cut where a person has seen enough. */
export function excerpt(text: string, length = 300): string {
  const clean = printable(text.slice(0, 4 * length));
  return clean.length <= length ? clean : `${clean.slice(0, length - 1)}…`;
}

/** `a`, `a and b`, `a, b and c`. */
export function enumerated(words: readonly string[]): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/** An input as a person calls it. */
export const inputName = (path: string): string => (path === '-' ? 'standard input' : printable(path));
