import type { VfioHost } from './state.js';

/** A state without what does not change while it runs. */
export type CanonicalVfioHost = Omit<VfioHost, 'config'>;

/**
 * The state as plain data that is equal exactly where two states are: all of it but the configuration, since
 * every list is in the order of its keys.
 */
export const canonicalVfioHost = ({ config: _, ...state }: VfioHost): CanonicalVfioHost => state;
