import type { Cost, CostOperation, Effect } from '@spapr-dma/protocol';

/** What a step tells whoever listens, without its envelope. */
export type Said =
  | Pick<Effect, 'type' | 'fn' | 'args'>
  | { readonly type: 'cost'; readonly operation: CostOperation; readonly count: Cost['count'] };

/** A function of the kernel ran. */
export const ran = (fn: string, args: Effect['args'] = {}): Said => ({ type: 'effect', fn, args });
/** A step cost so much; nothing is said of what cost nothing. */
export const costs = (operation: CostOperation, count: number): readonly Said[] =>
  count === 0 ? [] : [{ type: 'cost', operation, count }];
