import type { GuestKernel } from './guest-state.js';

/** Encodes plain data: keys in order, bigints marked, nothing left out that tells two states apart. */
function encode(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return `[${value.map(encode).join()}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    fields.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${encode(field)}`).join()}}`;
  }
  return JSON.stringify(value);
}

/**
 * The guest's state as a string: equal for equal states, whatever path led there. The configuration is left
 * out, since it does not change.
 */
export const canonicalGuest = ({ config: _config, ...state }: GuestKernel): string => encode(state);
