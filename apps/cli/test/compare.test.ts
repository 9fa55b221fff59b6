import { describe, expect, test } from 'vitest';
import { spaprDma } from './support/command.ts';
import { documentOf, expectRefusal } from './support/documents.ts';

interface Comparison {
  readonly switch: string;
  readonly values: readonly string[];
  readonly machine: {
    readonly ram: number;
    readonly stallSeconds: number;
    readonly unitCosts: readonly { readonly operation: string; readonly nanoseconds: number }[];
  } | null;
  readonly cells: readonly {
    readonly value: string;
    readonly situation: string;
    readonly fill: string;
    readonly steps: number;
    readonly stalls: boolean;
  }[];
  readonly runs: readonly {
    readonly story: string;
    readonly value: string;
    readonly violated: readonly string[];
  }[];
  readonly error: { readonly text: string } | null;
}

const compare = ['run', '--compare', 'replayPolicy', '--ram', '1M'];

const compared = async (...args: string[]) => {
  const ended = await spaprDma([...args, '--json']);
  return { ...ended, document: documentOf<Comparison>('run-compare', ended) };
};

test('replay policies side by side: each window and table with each policy', async () => {
  const { status, stderr, document } = await compared(
    ...compare,
    '--entries',
    '2^31,4096',
    '--fill',
    'dense,empty',
  );
  expect([status, stderr]).toEqual([0, '']);
  expect(document.values).toEqual([
    'always',
    'skipOnCreate',
    'anyMappingFlagBlind',
    'anyMappingFlag',
    'kvmReplay',
    'bitmap',
    'lazyBind',
  ]);
  expect(document.cells).toHaveLength(2 * 2 * 2 * 7);
  expect(document.machine).toMatchObject({ ram: 0x10_0000, stallSeconds: 21 });
  const [first] = document.cells;
  expect(first).toMatchObject({
    value: 'always',
    situation: 'create',
    fill: 'empty',
    steps: 4096,
    stalls: false,
  });
  const stalled = document.cells
    .filter(({ stalls }) => stalls)
    .map(({ value, situation, fill }) => [situation, fill, value]);
  expect(stalled).toContainEqual(['create', 'empty', 'always']);
  expect(stalled).not.toContainEqual(['create', 'empty', 'skipOnCreate']);
  expect(stalled).toContainEqual(['hot-add', 'empty', 'skipOnCreate']);
});

test('with another limit and other costs', async () => {
  const options = ['--entries', '2^18', '--fill', 'empty', '--stall-limit', '0.02', '--cost', 'replay=75'];
  const { document } = await compared(...compare, ...options);
  expect(document.machine?.stallSeconds).toBe(0.02);
  expect(document.machine?.unitCosts).toContainEqual({
    operation: 'replay',
    nanoseconds: 75,
    source: 'given by the caller',
  });
  // 2^18 entries at 75 ns are 19.7 ms, and the calls that make the window come to the rest.
  expect(document.cells[0]).toMatchObject({ value: 'always', stalls: true });
});

test('for people: a table of each figure, in which windows and tables of which the same is said are one', async () => {
  const { status, stdout } = await spaprDma([...compare, '--entries', '2^18,2^31', '--preset', '2019']);
  expect(status).toBe(0);
  expect(stdout).toMatch(
    /^replayPolicy with 2019: .*Live entries: empty 0, sparse 16 and dense 16\.\n! is longer than/,
  );
  const table = (situation: string, title: string) =>
    stdout.split(situation)[1]?.split(`\n${title}\n`)[1]?.split('\n\n')[0]?.replace(/ +/g, ' ').split('\n') ??
    [];
  const head =
    ' entries table always skipOnCreate anyMappingFlagBlind anyMappingFlag kvmReplay bitmap lazyBind';
  expect(table('The guest makes', 'steps of replay')).toEqual([
    head,
    ' 2^18 any 2^18 0 0 2^18 0 0 0',
    ' 2^31 any 2^31 0 0 2^31 0 0 0',
  ]);
  expect(table('The guest makes', 'simulated time')[2]).toMatch(/^ 2\^31 any 172 s ! \d/);
  expect(table('A device is', 'steps of replay').slice(4)).toEqual([
    ' 2^31 empty 2^31 2^31 0 2^31 0 0 0',
    ' 2^31 sparse 2^31 2^31 0 2^31 0 2^16 2^31',
    ' 2^31 dense 2^31 2^31 0 2^31 0 2^12 2^31',
  ]);
  expect(table('A device is', 'mappings missed')).toEqual([
    head,
    ' any empty 0 0 0 0 0 0 0',
    ' any sparse, dense 0 0 16 0 0 0 0',
  ]);
});

describe('another switch is compared by what holds in stories', () => {
  test('as JSON', async () => {
    const { status, document } = await compared('run', '--compare', 'createAddrCheck', 'create-overlapping');
    expect(status).toBe(0);
    expect([document.machine, document.cells]).toEqual([null, []]);
    expect(document.runs.map(({ story, value, violated }) => [story, value, violated])).toEqual([
      ['create-overlapping', 'unfixed', ['S-13']],
      ['create-overlapping', 'fixed', []],
    ]);
  });

  test('for people: the stories in which it makes a difference, and how many there are besides', async () => {
    const { stdout } = await spaprDma([
      'run',
      '--compare',
      'createAddrCheck',
      'create-overlapping',
      'call-edges',
    ]);
    expect(stdout).toBe(
      'story               preset  unfixed   fixed\n' +
        'create-overlapping  newest  not S-13  all hold\n\n' +
        '1 story more in which createAddrCheck makes no difference to what holds.\n',
    );
    const { stdout: same } = await spaprDma(['run', '--compare', 'shiftCheck', 'call-edges']);
    expect(same).toBe('shiftCheck makes no difference to what holds in 1 story.\n');
  });

  test('so is replayPolicy where stories are named', async () => {
    const { document } = await compared('run', '--compare', 'replayPolicy', 'create-with-listener');
    expect(document.runs.map(({ value }) => value)).toEqual(document.values);
  });
});

describe('an unusable comparison', () => {
  test.each`
    args                                                             | why
    ${['--compare', 'hasty']}                                        | ${/There is no switch 'hasty' to compare; there are: replayPolicy, /}
    ${['--compare', 'shiftCheck', 'no-such-story']}                  | ${/no-such-story/}
    ${['--compare', 'replayPolicy', '--preset', '2015']}             | ${/With 2015 there is nothing to compare: QEMU has no calls for windows\./}
    ${['--compare', 'replayPolicy', '--set', 'replayPolicy=bitmap']} | ${/--set cannot set replayPolicy, whose values are compared/}
    ${['--compare', 'replayPolicy', '--cost', 'replay']}             | ${/--cost 'replay' is not of the form operation=ns/}
    ${['--compare', 'replayPolicy', '--cost', 'thought=1']}          | ${/no operation of --cost is called 'thought'; there are: exitToQemu, replay, /}
  `('$args', async ({ args, why }: { args: string[]; why: RegExp }) => {
    const ended = await spaprDma(['run', ...args, '--json']);
    expectRefusal(ended, why);
    expect(documentOf<Comparison>('run-compare', ended)).toMatchObject({ values: [], cells: [], runs: [] });
  });

  test.each`
    args                                                      | why
    ${['--entries', '2^18']}                                  | ${/--entries goes with --compare replayPolicy; see spapr-dma run --help/}
    ${['--compare', 'replayPolicy', '--entries', '2^32']}     | ${/a power of two from 2 to 2\^31/}
    ${['--compare', 'replayPolicy', '--entries', '1000']}     | ${/a power of two from 2 to 2\^31/}
    ${['--compare', 'replayPolicy', '--fill', 'full']}        | ${/It can be empty, sparse, dense/}
    ${['--compare', 'replayPolicy', '--ram', '64K']}          | ${/a number of MiB/}
    ${['--compare', 'replayPolicy', '--ram', '8G']}           | ${/more than 4G/}
    ${['--compare', 'replayPolicy', '--stall-limit', 'soon']} | ${/a number of seconds/}
    ${['--compare', 'replayPolicy', '--list']}                | ${/cannot be used with option '--list'/}
  `('$args', async ({ args, why }: { args: string[]; why: RegExp }) => {
    expectRefusal(await spaprDma(['run', ...args]), why);
  });
});
