/**
 * @typedef {Record<string, number>} Counts
 * @typedef {{ op: string, status: string, why: string | null }} Unreached
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
 *   findings: { kind: string, file: string, calls: number, times: number }[],
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
 * Findings of one file are one, whichever runs met it.
 *
 * @param {readonly Report[]} runs
 */
function abortsOf(runs) {
  const aborts = runs.flatMap(({ findings }) => findings.filter(({ kind }) => kind === 'abort'));
  return [...new Set(aborts.map(({ file }) => file))].sort().map((file) => {
    const own = aborts.filter((abort) => abort.file === file);
    return { file, calls: own[0]?.calls ?? 0, times: own.reduce((sum, { times }) => sum + times, 0) };
  });
}

/**
 * The figures that are kept: runs from several seeds together, and the known defects that showed.
 *
 * @param {readonly Report[]} runs
 * @param {Pick<Report, 'defects'>} confirmed
 */
export function conformanceOf(runs, { defects }) {
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
    aborts: abortsOf(runs),
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
