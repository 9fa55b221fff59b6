import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

/**
 * A test that did not run, by its file and name.
 *
 * @typedef {{ subject: string, reason: string | null }} Skipped
 */

const MARK = ' (skipped: ';

/**
 * Why a test did not run, as the name of the test or of a group around it tells: `SUBJECT (skipped: REASON)`, with
 * more of the name behind it or not. Null where no name does.
 *
 * @param {readonly string[]} names
 * @returns {Skipped | null}
 */
export function skippedIn(names) {
  const name = names.find((each) => each.includes(MARK));
  if (name === undefined) return null;
  const begin = name.indexOf(MARK);
  const rest = name.slice(begin + MARK.length);
  // A reason may have brackets of its own.
  let open = 1;
  let end = 0;
  for (; end < rest.length && open > 0; end += 1) open += rest[end] === '(' ? 1 : rest[end] === ')' ? -1 : 0;
  return { subject: name.slice(0, begin), reason: rest.slice(0, open === 0 ? end - 1 : end) };
}

/**
 * What a vitest JSON report says: a file that failed before its first test counts as one failure, and so does a run
 * that failed for a reason outside of any test.
 *
 * @param {import('vitest/node').JsonTestResults} report
 * @param {string} folder of the project, absolute
 */
export function countReport({ success, testResults }, folder) {
  const counts = {
    passed: 0,
    skipped: /** @type {Skipped[]} */ ([]),
    failures: /** @type {string[]} */ ([]),
  };
  for (const { name, status, assertionResults } of testResults) {
    const file = relative(folder, name);
    let failedTests = 0;
    for (const test of assertionResults) {
      const place = `${file}: ${test.fullName}`;
      if (test.status === 'passed') counts.passed += 1;
      else if (test.status === 'failed') {
        failedTests += 1;
        counts.failures.push(place);
      } else {
        const told = skippedIn([...test.ancestorTitles, test.title]);
        counts.skipped.push(told ?? { subject: place, reason: null });
      }
    }
    if (status === 'failed' && failedTests === 0) counts.failures.push(`${file}: could not be run`);
  }
  if (!success && counts.failures.length === 0) counts.failures.push('an error outside of the tests');
  return counts;
}

/** What skipped tests are about, as far as it is told in their line. */
const SUBJECTS_MAX = 4;

/** @template T @param {readonly T[]} values */
const distinct = (values) => [...new Set(values)];

/**
 * A line for each reason for which tests were skipped: what they are about, why, and how many they are where.
 *
 * @param {readonly { name: string, skipped: readonly Skipped[] }[]} results of the projects
 */
export function skippedLines(results) {
  const all = results.flatMap(({ name, skipped }) => skipped.map((each) => ({ project: name, ...each })));
  return distinct(all.map(({ reason }) => reason)).map((reason) => {
    const own = all.filter((each) => each.reason === reason);
    const named = distinct(own.map(({ subject }) => subject));
    const subjects = named.slice(0, SUBJECTS_MAX).join(', ');
    const more = named.length > SUBJECTS_MAX ? ` and ${named.length - SUBJECTS_MAX} more` : '';
    const projects = distinct(own.map(({ project }) => project));
    const counts = projects.map(
      (project) => `${own.filter((each) => each.project === project).length} in ${project}`,
    );
    return `skipped: ${subjects}${more}: ${reason ?? 'nobody said why'}; ${counts.join(', ')}`;
  });
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
