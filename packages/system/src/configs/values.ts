import type { Settings } from '../settings.js';

type Value = string | number | boolean | null;

/** A setting's text as the kind of value that a configuration has in its place. */
function valueLike(example: Value, text: string): Value {
  if (typeof example === 'boolean') return text === 'true';
  if (typeof example === 'number') return Number(text);
  return text;
}

/**
 * The settings that a part of a machine's configuration has fields for, by the names of these fields.
 * @param example the same part of a configuration that the machine's package exports
 * @param renamed settings whose name is not that of the field
 */
export const valuesOf = <Part extends object>(
  example: Part,
  settings: Settings,
  renamed: Partial<Record<keyof Part, string>> = {},
): Part =>
  Object.fromEntries(
    Object.entries(example).map(([field, value]) => {
      const name = renamed[field as keyof Part] ?? field;
      return [field, valueLike(value as Value, settings[name]!)];
    }),
  ) as Part;
