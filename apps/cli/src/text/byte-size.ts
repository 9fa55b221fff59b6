const units = ['', 'K', 'M', 'G', 'T', 'P'];
const pattern = new RegExp(`^(\\d{1,15})([${units.join('')}]?)(?:i?B)?$`, 'i');

/** `64G` → 68719476736n, in powers of 1024; null where the text is no size. */
export function bytesOf(text: string): bigint | null {
  const [, digits, unit = ''] = pattern.exec(text) ?? [];
  if (digits === undefined) return null;
  return BigInt(digits) << BigInt(10 * units.indexOf(unit.toUpperCase()));
}
