import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

/**
 * What a vitest JSON report says: a file that failed before its first test counts as one failure, and so does a run
 * that failed for a reason outside of any test.
 *
 * @param {import('vitest/node').JsonTestResults} report
 * @param {string} folder of the project, absolute
 */
export function countReport({ success, testResults }, folder) {
  const counts = { passed: 0, skipped: 0, failures: /** @type {string[]} */ ([]) };
  for (const { name, status, assertionResults } of testResults) {
    const file = relative(folder, name);
    let failedTests = 0;
    for (const test of assertionResults) {
      if (test.status === 'passed') counts.passed += 1;
      else if (test.status === 'failed') {
        failedTests += 1;
        counts.failures.push(`${file}: ${test.fullName}`);
      } else counts.skipped += 1;
    }
    if (status === 'failed' && failedTests === 0) counts.failures.push(`${file}: could not be run`);
  }
  if (!success && counts.failures.length === 0) counts.failures.push('an error outside of the tests');
  return counts;
}

/**
 * True where a package has more than the empty module that a new package begins with.
 *
 * @param {string} folder of the project, absolute
 */
export function hasSources(folder) {
  const src = `${folder}/src`;
  if (!existsSync(src)) return true;
  const files = readdirSync(src);
  return files.length !== 1 || readFileSync(`${src}/${files[0]}`, 'utf8').trim() !== 'export {};';
}
