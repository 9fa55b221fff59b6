import { defineConfig } from 'vitest/config';

/** For the tests of a package, beside whichever its own settings are: one process, and the same random values each time. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    isolate: false,
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 120_000,
    setupFiles: [new URL('fixed-seed.ts', import.meta.url).pathname],
  },
});
