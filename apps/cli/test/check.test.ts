import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { progressText } from '../src/check/progress-text.js';
import { spaprDma, start } from './support/command.ts';
import { documentOf, expectRefusal } from './support/documents.ts';

interface Listed {
  readonly models: readonly {
    readonly name: string;
    readonly preset: string;
    readonly verdict: string;
    readonly states: number | null;
  }[];
}

interface Checked {
  readonly model: string;
  readonly verdict: string | null;
  readonly property: string | null;
  readonly text: string | null;
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  readonly switches: Readonly<Record<string, string>>;
  readonly order: string;
  readonly reductions: { symmetry: boolean | null; partialOrder: boolean };
  readonly bound: string | null;
  readonly violations: readonly { property: string; steps: number }[];
  readonly counterexample: { steps: readonly { n: number; text: string; changes: string[] }[] } | null;
  readonly expected: { isMet: boolean; states: number | null } | null;
  readonly error: { text: string } | null;
}

/** Small models: two that hold, and one that does not. */
const MODEL = 'shiftCheck=fixed';
const LARGER = 'attachKvmOnJoin=fixed';
const BROKEN = 'attachKvmOnJoin=unfixed';

const folder = mkdtempSync(join(tmpdir(), 'spapr-dma-check-'));
const file = (name: string) => join(folder, name);

async function checked(...args: readonly string[]) {
  const ended = await spaprDma(['check', ...args, '--json']);
  expect(ended.stderr.replace(/^spapr-dma: .*\n$/, '')).toBe('');
  return { status: ended.status, report: documentOf<Checked>('check', ended) };
}

/** What several tests look at. */
const found = await checked(BROKEN);
const way = found.report.counterexample?.steps ?? [];

describe('without a model', () => {
  test('the models are listed', async () => {
    const [plain, json] = await Promise.all([spaprDma(['check']), spaprDma(['check', '--json'])]);
    const { models } = documentOf<Listed>('check-list', json);
    expect([plain.status, json.status]).toEqual([0, 0]);
    expect(models.map(({ name }) => name)).toContain(MODEL);
    for (const { name } of models) expect(plain.stdout).toContain(`\n${name} `);
    expect(plain.stdout).toMatch(new RegExp(`\\n${models.length} models\\.\\n$`));
  });

  test('the models in the examples of the help exist', async () => {
    const [{ stdout }, list] = await Promise.all([spaprDma(['check', '--help']), spaprDma(['check'])]);
    const named = [...stdout.matchAll(/spapr-dma check (\w[\w=-]*) /g)].map(([, name]) => name);
    expect(named.length).toBeGreaterThan(1);
    for (const name of named) expect(list.stdout).toContain(`\n${name} `);
  });
});

describe('a model that holds', () => {
  test('has the verdict and the counts of models.json, and status 0', async () => {
    const { status, report } = await checked(MODEL);
    expect(status).toBe(0);
    expect(report).toMatchObject({ verdict: 'holds', property: null, counterexample: null, error: null });
    expect(report.expected).toMatchObject({ isMet: true, states: report.states });
  });

  test('is told in a few lines for people', async () => {
    const { status, stdout, stderr } = await spaprDma(['check', MODEL]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^shiftCheck=fixed: .*\nrepaired with shiftCheck=fixed, minimal\n\nVerdict: holds, as expected\.\nSearch: /,
    );
    expect(stdout).toMatch(/\nTime: .* states a second; memory: .* bytes a state\.\nRemembered: /);
    expect(stdout).toMatch(/\nLocal states: qemu-spapr \d+\.\n$/);
  });

  test('is the same however it is searched', async () => {
    const plain = (await checked(MODEL)).report;
    const counts = ({ states, transitions }: Checked) => ({ states, transitions });
    const depth = (await checked(MODEL, '--order', 'depth')).report;
    expect(depth.order).toBe('depth');
    expect(counts(depth)).toEqual(counts(plain));
    const apart = (await checked(MODEL, '--no-symmetry', '--no-partial-order')).report;
    expect(apart.reductions).toEqual({ symmetry: false, partialOrder: false });
    expect(apart.verdict).toBe('holds');
    const fewer = (await checked(MODEL, '--symmetry', '--partial-order')).report;
    expect(fewer.reductions).toEqual({ symmetry: true, partialOrder: true });
    expect(fewer.verdict).toBe('holds');
    expect(fewer.states).toBeLessThanOrEqual(apart.states);
  });

  test('says what --promela wrote', async () => {
    const { stdout } = await spaprDma(['check', MODEL, '--promela', file('model.pml')]);
    expect(stdout).toContain(`\nWritten: ${file('model.pml')}.\n`);
    expect(readFileSync(file('model.pml'), 'utf8')).toMatch(/\bproctype\b|\binit\b/);
  });

  test('has no counterexample to write', async () => {
    const { status, stdout } = await spaprDma(['check', MODEL, '--out', file('none.json')]);
    expect(status).toBe(0);
    expect(stdout).toContain(`\nThere is no counterexample to write to ${file('none.json')}.\n`);
    expect(existsSync(file('none.json'))).toBe(false);
  });
});

describe('a bound that was asked for', () => {
  test.each`
    args                                     | bound
    ${['--depth', '2']}                      | ${'depth'}
    ${['--states', '10']}                    | ${'states'}
    ${['--memory', '1M']}                    | ${'memory'}
    ${['--order', 'random', '--walks', '5']} | ${'steps'}
  `('$args is reached with status 0', async ({ args, bound }: { args: string[]; bound: string }) => {
    const { status, report } = await checked(LARGER, ...args);
    expect({ status, verdict: report.verdict, bound: report.bound, error: report.error }).toEqual({
      status: 0,
      verdict: 'bounded',
      bound,
      error: null,
    });
  });

  test('changes what is seen', async () => {
    expect((await checked(MODEL, '--depth', '2')).report.depth).toBe(2);
    const walks = async (...args: string[]) => (await checked(LARGER, '--order', 'random', ...args)).report;
    const [one, same, more, ...others] = await Promise.all([
      walks('--walks', '1'),
      walks('--walks', '1', '--seed', '1'),
      walks('--walks', '50'),
      ...['2', '3', '4'].map((seed) => walks('--walks', '2', '--seed', seed)),
    ]);
    const figures = ({ states, transitions, depth }: Checked) => `${states} ${transitions} ${depth}`;
    expect(figures(same!)).toBe(figures(one!));
    expect(more!.transitions).toBeGreaterThan(one!.transitions);
    expect(new Set(others.map(figures)).size).toBeGreaterThan(1);
  });
});

test('a search that was saved goes on, with several threads too', async () => {
  const saved = file('saved');
  const { stdout } = await spaprDma(['check', LARGER, '--depth', '5', '--checkpoint', saved, '--every', '1']);
  expect(stdout).toContain(`\nSaved: ${saved}. Go on with --resume ${saved}\n`);
  const plain = (await checked(LARGER)).report;
  const { status, report } = await checked(LARGER, '--resume', saved, '--workers', '2');
  const { states, transitions, depth } = plain;
  expect(status).toBe(0);
  expect(report).toMatchObject({ verdict: 'holds', states, transitions, depth, workers: 2 });
  const other = await spaprDma(['check', MODEL, '--resume', saved]);
  expectRefusal(other, /is a checkpoint of attachKvmOnJoin=fixed, not of shiftCheck=fixed/);
});

describe('a model that is violated', () => {
  test('has the shortest way as steps, and status 1', async () => {
    const { status, report } = found;
    expect(status).toBe(1);
    expect(report).toMatchObject({ verdict: 'violated', property: 'S-4', error: null });
    expect(report.expected).toMatchObject({ isMet: true, violated: ['S-4', 'S-19'] });
    expect(way.map(({ n }) => n)).toEqual(way.map((_, index) => index + 1));
    expect(way.at(-1)).toMatchObject({
      from: 'guest-kernel',
      to: 'kvm',
      message: 'H_PUT_TCE',
      changes: ["KVM's table 0 of LIOBN 0x80000000 entry 1: empty → GPA 0x60000 read-write"],
    });
    expect(report.violations).toContainEqual({ property: 'S-4', text: report.text, steps: way.length });
    const byDepth = (await checked(BROKEN, '--order', 'depth')).report;
    expect(byDepth.violations[0]!.steps).toBeGreaterThanOrEqual(way.length);
  });

  test('is drawn, with what changed and where the property breaks', async () => {
    const { status, stdout, stderr } = await spaprDma(['check', BROKEN]);
    expect([status, stderr]).toEqual([1, '']);
    const lines = stdout.split('\n');
    expect(lines[3]).toMatch(
      /^ step {2}environment +guest-kernel +kvm +qemu-spapr +vfio-host +powernv-ioda2$/,
    );
    const at = (part: string) => lines.findIndex((line) => line.includes(part));
    expect(at('▶')).toBe(4);
    expect(at('group 0 owner: vfio → platform')).toBeGreaterThan(4);
    expect(at('entry 1: empty → GPA 0x60000')).toBe(at('✗ S-4: ') - 1);
    expect(stdout).toMatch(
      /\nVerdict: violated, as expected\.\n {2}S-4, after \d+ steps: At 0x1000 LIOBN 0x80000000 has /,
    );
    expect(stdout).toContain('\n  What must hold: Between calls, devices of a passed-through group ');
    expect(stdout).toMatch(/\n {2}also S-19 after \d+ steps: H_PUT_TCE returned H_SUCCESS\./);
    expect(stdout).toContain('\nPlayed again, in running actors and step by step: the same.\n');
    const all = await spaprDma(['check', BROKEN, '--all']);
    expect(stdout).toMatch(/Not shown: \d+ accesses/);
    expect(stdout).not.toContain('mapped_dec');
    expect(all.stdout.split('\n').length).toBeGreaterThan(lines.length);
  });

  test.each([
    ['mermaid', /^sequenceDiagram\n {2}title attachKvmOnJoin=unfixed/],
    ['plantuml', /^@startuml\ntitle attachKvmOnJoin=unfixed/],
  ])('is written for %s', async (kind, beginning) => {
    const { status, stdout } = await spaprDma(['check', BROKEN, '--chart', kind]);
    expect(status).toBe(1);
    expect(stdout).toMatch(beginning);
    expect(stdout).toContain('S-4: At 0x1000');
    expect(stdout).not.toContain('Verdict');
  });

  test('is played again from the file that --out writes', async () => {
    const { stdout } = await spaprDma(['check', BROKEN, '--out', file('found.json')]);
    expect(stdout).toContain(`Play it with: spapr-dma run ${file('found.json')}\n`);
    const ended = await spaprDma(['run', file('found.json'), '--json']);
    expect(ended.status).toBe(0);
    expect(documentOf('run-counterexample', ended)).toMatchObject({
      model: BROKEN,
      shown: true,
      violation: { name: 'S-4', step: way.length, text: found.report.text },
      steps: way,
    });
  });

  test('is a trace of states in the Informal Trace Format', async () => {
    await spaprDma(['check', BROKEN, '--itf', file('found.itf.json')]);
    const trace = JSON.parse(readFileSync(file('found.itf.json'), 'utf8'));
    expect(trace['#meta']).toMatchObject({ format: 'ITF', status: 'violation' });
    expect(trace.states).toHaveLength(way.length + 1);
    for (const [index, state] of trace.states.entries()) {
      expect(state['#meta']).toEqual({ index });
      expect(Object.keys(state).filter((name) => name !== '#meta')).toEqual(trace.vars);
    }
    expect(trace.states.at(-1).step).toBe(way.at(-1)!.text);
    expect(trace.states[0].kvm.context.tables[0].liobn).toEqual({ '#bigint': `${0x80000000}` });
    // Neither numbers nor null are values of the format.
    const kinds = new Set<string>();
    JSON.stringify(trace.states, (name, value) => {
      if (name === '#meta') return undefined;
      kinds.add(value === null ? 'null' : typeof value);
      return value;
    });
    expect([...kinds].sort()).toEqual(['boolean', 'object', 'string']);
  });

  test('tells of each property with --until all', async () => {
    const args = [BROKEN, '--property', 'S-4', '--property', 'S-6', '--property', 'S-19'];
    const first = (await checked(...args)).report;
    const whole = (await checked(...args, '--until', 'all')).report;
    expect(whole.violations.map(({ property }) => property).sort()).toEqual(['S-19', 'S-4']);
    expect(first.states).toBeLessThan(whole.states);
    expect(whole.expected).toBeNull();
  });
});

test('switches are set, and then nothing is expected', async () => {
  const { report } = await checked(MODEL, '--set', 'shiftCheck=unfixed');
  expect(report.switches).toMatchObject({ shiftCheck: 'unfixed' });
  expect(report).toMatchObject({ verdict: 'violated', property: 'S-13', expected: null });
});

test('a property that nothing happens to does not hold', async () => {
  const { status, report } = await checked(BROKEN, '--property', 'S-9');
  expect([status, report.verdict, report.property]).toEqual([1, 'violated', 'S-9']);
  expect(report.text).toBe('It never happens that a container stops to listen.');
});

test('several models are checked one after the other', async () => {
  const ended = await spaprDma(['check', MODEL, BROKEN, '--json']);
  const { models } = documentOf<{ models: readonly Checked[] }>('check-models', ended);
  expect(models.map(({ model }) => model)).toEqual([MODEL, BROKEN]);
  expect(ended.status).toBe(1);
});

/** Interrupts a search that goes on for ever; it may take so long to begin that this is too early. */
async function interruptedAfter(delay: number, args = [MODEL, '--order', 'random', '--walks', '1000000000']) {
  const child = start(['check', ...args, '--json']);
  const told = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => {
    told.stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    told.stderr += chunk;
  });
  await wait(delay);
  child.kill('SIGINT');
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, ...told };
}

test('an interruption ends the search with what was seen so far', { timeout: 60_000 }, async () => {
  let ended = await interruptedAfter(1500);
  for (const delay of [4000, 9000]) {
    if (ended.status === null || !/after [1-9]/.test(ended.stderr)) ended = await interruptedAfter(delay);
  }
  expect(ended.stderr).toMatch(
    /^spapr-dma: interrupted after \d+ states; what is reported was seen until then\.\n$/,
  );
  expect(ended.status).toBe(2);
  const report = documentOf<Checked>('check', ended);
  expect(report).toMatchObject({ verdict: 'bounded', bound: 'stopped' });
  expect(report.transitions).toBeGreaterThan(1000);
});

test.each([
  ['--matrix', 'check-matrix', 'rows'],
  ['--all', 'check-models', 'models'],
])(
  'an interruption of %s leaves what was checked by then',
  async (option, schema, name) => {
    let ended = await interruptedAfter(4000, [option]);
    for (const delay of [8000, 14_000]) {
      if (ended.status === null || ended.stdout.includes(`"${name}": []`))
        ended = await interruptedAfter(delay, [option]);
    }
    expect(ended.status).toBe(2);
    expect(ended.stderr).toMatch(/^spapr-dma: interrupted /);
    const document = documentOf<Record<string, readonly { verdict: string }[]>>(schema, ended);
    expect(document[name]!.length).toBeGreaterThan(0);
  },
  60_000,
);

test('progress tells states, rate, depth, frontier and what is left', () => {
  const progress = { states: 5000, transitions: 9000, depth: 40, frontier: 300, seconds: 2 };
  expect(progressText('m', progress, 20_000)).toBe(
    'm: 5,000 states, 2,500 a second, depth 40, 300 to go on from, about 6.00 s to go',
  );
  expect(progressText('m', progress, null)).toBe(
    'm: 5,000 states, 2,500 a second, depth 40, 300 to go on from',
  );
});

describe('an unusable call', () => {
  test.each`
    args                                            | why
    ${['shiftChek=fixed']}                          | ${/there is no model 'shiftChek=fixed'; did you mean 'shiftCheck=fixed'\? spapr-dma check lists all \d+/}
    ${['shiftcheck']}                               | ${/did you mean .*'shiftCheck=fixed', 'shiftCheck=unfixed'\?/}
    ${['?']}                                        | ${/there is no model '\?'; there are '.*' and others; spapr-dma check lists all \d+/}
    ${['x'.repeat(2000)]}                           | ${/there is no model 'xxx/}
    ${[MODEL, '--preset', 'future']}                | ${/There is no preset 'future'; there are: 2015, /}
    ${[MODEL, '--set', 'colour=red']}               | ${/There is no setting 'colour'/}
    ${[MODEL, '--set', 'replayPolicy']}             | ${/is not of the form name=value/}
    ${[MODEL, '--property', 'S-99']}                | ${/There is no property 'S-99'; there are: S-1, /}
    ${[MODEL, '--size', 'huge']}                    | ${/'huge' is invalid, it can be minimal, power9/}
    ${[MODEL, '--order', 'best']}                   | ${/'best' is invalid, it can be breadth, depth, random/}
    ${[MODEL, '--depth', '-1']}                     | ${/It is a whole number from 1 to /}
    ${[MODEL, '--memory', 'much']}                  | ${/It is a size such as 512M or 2G/}
    ${[MODEL, '--seed', '7']}                       | ${/--seed goes with --order random; see spapr-dma check --help/}
    ${[MODEL, '--every', '7']}                      | ${/--every goes with --checkpoint/}
    ${[MODEL, '--workers', '2', '--order=depth']}   | ${/--workers goes with --order breadth/}
    ${[MODEL, '--partial-order', '--order=depth']}  | ${/--partial-order goes with --order breadth/}
    ${[MODEL, '--resume', 'no-such-file']}          | ${/cannot read the checkpoint no-such-file/}
    ${[MODEL, '--partial-order', '--workers', '2']} | ${/--partial-order takes one thread/}
    ${[MODEL, '--frobnicate']}                      | ${/unknown option '--frobnicate'; see spapr-dma check --help/}
    ${[MODEL, '--matrix']}                          | ${/--matrix takes no MODEL/}
    ${['--matrix', '--all']}                        | ${/--matrix and --all do not go together/}
    ${['--out', 'x.json']}                          | ${/--out takes exactly one MODEL/}
    ${['--preset', '2015']}                         | ${/--preset needs a MODEL/}
    ${['--matrix', '--until', 'first']}             | ${/--until needs a MODEL/}
    ${['--partial-order']}                          | ${/--partial-order needs a MODEL, --matrix or --all/}
    ${[BROKEN, '--out', '/no/such/folder/x']}       | ${/\/no\/such\/folder\/x cannot be written: /}
  `('$args', async ({ args, why }: { args: string[]; why: RegExp }) => {
    const [plain, json] = await Promise.all([
      spaprDma(['check', ...args]),
      spaprDma(['check', ...args, '--json']),
    ]);
    expectRefusal(plain, why);
    expect(plain.stdout).toBe('');
    expectRefusal(json, why);
    expect(documentOf<Checked>('check', json)).toMatchObject({ verdict: null, counterexample: null });
  });
});
