/**
 * What `npm test` does: installs and builds where needed, then types, lint and every project's tests through nx.
 * The last line sums up all of them as `N passed, N failed`; types and lint count as one each. Before it stands which
 * tests were skipped, and why.
 *
 * Tests are counted from the reports that vitest leaves behind. They are outputs of the nx target, so that a project
 * whose result nx takes from its cache counts like one that ran.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { exit } from 'node:process';
import { ensureBuilt, ensureInstalled, nx, root, runInstalled } from './ready.mjs';
import { countReport, hasSources, skippedLines } from './report.mjs';

/** Every folder with tests: the packages, the apps, and the tests of the repository itself. */
function projects() {
  const folders = ['packages', 'apps'].flatMap((parent) =>
    readdirSync(`${root}${parent}`).map((name) => `${parent}/${name}`),
  );
  return [...folders, 'tools'].filter((folder) => existsSync(`${root}${folder}/package.json`));
}

/** @param {string} folder */
function countProject(folder) {
  const report = `${root}${folder}/reports/tests.json`;
  if (!existsSync(report)) return { passed: 0, skipped: [], failures: ['left no report: it did not run'] };
  const counts = countReport(JSON.parse(readFileSync(report, 'utf8')), `${root}${folder}`);
  const isEmpty = counts.passed + counts.failures.length === 0;
  if (isEmpty && hasSources(`${root}${folder}`)) counts.failures.push('has sources, and no test');
  return counts;
}

ensureInstalled();
for (const folder of projects()) rmSync(`${root}${folder}/reports`, { recursive: true, force: true });

/** @type {{ name: string, passed: number, skipped: import('./report.mjs').Skipped[], failures: string[] }[]} */
const results = [];

/** @param {string} name @param {boolean} holds */
const single = (name, holds) =>
  results.push({ name, passed: holds ? 1 : 0, skipped: [], failures: holds ? [] : ['failed, see above'] });

// The build comes first, so that a test which starts the command finds it current and leaves it alone.
if (!ensureBuilt()) single('build', false);
single('types', runInstalled('typescript/bin/tsc', ['-b', '--pretty']));
single('lint', runInstalled('@biomejs/biome/bin/biome', ['check', '--error-on-warnings']));
const didNxPass = nx(['run-many', '-t', 'test', '--nxBail=false']);
for (const folder of projects()) results.push({ name: folder, ...countProject(folder) });
const failedTests = results.flatMap(({ failures }) => failures);
if (!didNxPass && failedTests.length === 0) single('nx', false);

console.log('');
for (const { name, passed, skipped, failures } of results) {
  const also = skipped.length === 0 ? '' : `, ${skipped.length} skipped`;
  console.log(`${name.padEnd(24)} ${passed} passed, ${failures.length} failed${also}`);
}
for (const line of skippedLines(results)) console.log(line);
for (const { name, failures } of results) {
  for (const failure of failures) console.log(`FAILED  ${name}: ${failure}`);
}

const passed = results.reduce((sum, result) => sum + result.passed, 0);
const failed = results.reduce((sum, result) => sum + result.failures.length, 0);
console.log(`\n${passed} passed, ${failed} failed`);
exit(failed === 0 && didNxPass ? 0 : 1);
