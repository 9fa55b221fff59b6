import { defineConfig, type ViteUserConfig } from 'vitest/config';

/**
 * What the tests of all packages have in common. The JSON report is what `npm test` counts; it is an output of
 * the cached nx target, so that a run taken from the cache counts like any other.
 */
export function packageTests(more: ViteUserConfig['test'] = {}): ViteUserConfig {
  return defineConfig({
    test: {
      include: ['test/**/*.test.ts'],
      passWithNoTests: true,
      reporters: ['default', 'json'],
      outputFile: { json: 'reports/tests.json' },
      testTimeout: 30_000,
      ...more,
    },
  });
}
