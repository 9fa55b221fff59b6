export * from './alternating-bit.ts';
export * from './counters.ts';
export * from './lock-server.ts';
export * from './mutual-exclusion.ts';
export * from './philosophers.ts';
export * from './token-ring.ts';
export * from './two-phase-commit.ts';
