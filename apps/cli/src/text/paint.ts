/** Marks a word by colour, or leaves it alone. */
export interface Paint {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly strong: (text: string) => string;
}

const between = (open: number, close: number) => (text: string) => `\u001b[${open}m${text}\u001b[${close}m`;
const asIs = (text: string) => text;

export const colours: Paint = {
  good: between(32, 39),
  bad: between(31, 39),
  warn: between(33, 39),
  strong: between(1, 22),
};

export const plain: Paint = { good: asIs, bad: asIs, warn: asIs, strong: asIs };

/** Colours only on a terminal that has them, and never against `NO_COLOR` (see https://no-color.org). */
export function paintFor(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): Paint {
  const isUnwanted = (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb';
  return stream.isTTY === true && !isUnwanted ? colours : plain;
}
