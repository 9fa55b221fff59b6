/**
 * @typedef {Record<string, number>} Counts
 * @typedef {{ op: string, status: string, why: string | null }} Unreached
 * @typedef {{ file: string, line: number, name: string, kind: string, text: string, why: string | null }} Place
 * @typedef {{ files: { file: string, functions: number }[], unreached: Place[] }} Branches
 *
 * What `spapr-dma live --json` reports, as far as it is used here.
 * @typedef {{
 *   qemu: string,
 *   seed: number,
 *   calls: number,
 *   machines: number,
 *   versions: string[],
 *   seconds: number,
 *   differences: number,
 *   coverage: Record<string, Counts>,
 *   situations: Counts,
 *   unreached: Unreached[],
 *   branches: Branches | null,
 *   findings: { kind: string, file: string, calls: number, times: number }[],
 *   files: { file: string, calls: number, differences: number, unlikeRecorded: number, abort: string | null }[],
 *   defects: { switch: string, about: string, source: string, confirmed: boolean, file: string | null, calls: number | null }[],
 * }} Report
 */

/**
 * @param {Counts} a
 * @param {Counts} b
 * @returns {Counts}
 */
function added(a, b) {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
  return Object.fromEntries(names.map((name) => [name, (a[name] ?? 0) + (b[name] ?? 0)]));
}

/** @param {readonly Report[]} runs */
function coverageOf(runs) {
  const ops = [...new Set(runs.flatMap(({ coverage }) => Object.keys(coverage)))].sort();
  const of = (/** @type {string} */ op) =>
    runs.reduce((sum, { coverage }) => added(sum, coverage[op] ?? {}), /** @type {Counts} */ ({}));
  return Object.fromEntries(ops.map((op) => [op, of(op)]));
}

/**
 * Files that were replayed, and how often runs met what they show.
 *
 * @param {readonly Report[]} runs
 * @param {Report['files']} files
 */
const shownBy = (runs, files) =>
  files.map(({ file, calls, differences, unlikeRecorded, abort }) => ({
    file,
    calls,
    endsQemu: abort !== null,
    isConfirmed: differences + unlikeRecorded === 0,
    times: runs
      .flatMap(({ findings }) => findings)
      .reduce((sum, finding) => sum + (finding.file === file ? finding.times : 0), 0),
  }));

/**
 * What none of several runs reached of the specification, and how much of it there is.
 *
 * @param {readonly Report[]} runs
 */
function branchesOf(runs) {
  const [first, ...others] = runs.flatMap(({ branches }) => branches ?? []);
  if (first === undefined) return { functions: 0, reached: 0, unreached: [] };
  const isSame = (/** @type {Place} */ a, /** @type {Place} */ b) =>
    a.file === b.file && a.line === b.line && a.kind === b.kind && a.name === b.name;
  const unreached = first.unreached.filter((place) =>
    others.every((other) => other.unreached.some((each) => isSame(each, place))),
  );
  const functions = first.files.reduce((sum, file) => sum + file.functions, 0);
  const missed = unreached.filter(({ kind, name }) => kind === 'function' && name !== '').length;
  return { functions, reached: functions - missed, unreached };
}

/**
 * The figures that are kept: runs from several seeds together, the known defects that showed, and files that were
 * replayed.
 *
 * @param {readonly Report[]} runs
 * @param {Pick<Report, 'defects'>} confirmed
 * @param {Pick<Report, 'files'>} replayed
 */
export function conformanceOf(runs, { defects }, { files }) {
  const [first, ...others] = runs;
  if (first === undefined) throw new Error('there is no run');
  const sum = (/** @type {'calls' | 'differences' | 'seconds'} */ field) =>
    runs.reduce((total, run) => total + run[field], 0);
  return {
    qemu: first.qemu,
    versions: [...new Set(runs.flatMap(({ versions }) => versions))].sort((a, b) =>
      a.localeCompare(b, 'en', { numeric: true }),
    ),
    calls: sum('calls'),
    differences: sum('differences'),
    runs: runs.map(({ seed, calls, machines, seconds, differences }) => ({
      seed,
      calls,
      machines,
      seconds: Number(seconds.toFixed(1)),
      differences,
    })),
    coverage: coverageOf(runs),
    situations: runs.reduce((total, { situations }) => added(total, situations), /** @type {Counts} */ ({})),
    // What one run did not come to, another one may have.
    unreached: first.unreached.filter(({ op, status }) =>
      others.every(({ unreached }) => unreached.some((each) => each.op === op && each.status === status)),
    ),
    branches: branchesOf(runs),
    shown: shownBy(runs, files),
    defects: defects.map(({ switch: name, about, source, confirmed: isConfirmed, file, calls }) => ({
      switch: name,
      about,
      source,
      confirmed: isConfirmed,
      file,
      calls,
    })),
  };
}
