export { canonicalKvm } from './canonical.js';
export * from './config.js';
export * from './places.js';
export type { KvmSent } from './sent.js';
export * from './spapr-tce-table.js';
export * from './state.js';
export * from './versions.js';
