import { describe, expect, test } from 'vitest';
import { spaprDma } from './support/command.ts';
import { documentOf, expectRefusal } from './support/documents.ts';

interface Listed {
  readonly stories: readonly { readonly name: string; readonly presets: readonly string[] }[];
  readonly presets: readonly { readonly name: string }[];
  readonly switches: readonly { readonly name: string; readonly values: readonly string[] }[];
}

interface Played {
  readonly stories: readonly {
    readonly name: string;
    readonly preset: string;
    readonly settings: Readonly<Record<string, string>>;
    readonly steps: number;
    readonly messages: number;
    readonly properties: readonly {
      name: string;
      holds: boolean;
      expected: boolean;
      firstStep: number | null;
    }[];
    readonly outcome: 'as-expected' | 'unexpected';
    readonly mistakes: readonly string[];
    readonly applies: boolean;
  }[];
}

/** All stories take seconds on an idle machine, and much longer beside other tests. */
const ALL_STORIES_MS = 120_000;

const listed = documentOf<Listed>('run-list', await spaprDma(['run', '--list', '--json']));
const [
  {
    name: story,
    presets: [preset],
  } = { name: '', presets: [] },
] = listed.stories;

test('run --list names the stories, presets and switches', async () => {
  const { status, stdout, stderr } = await spaprDma(['run', '--list']);
  for (const { name } of [...listed.stories, ...listed.presets, ...listed.switches])
    expect(stdout).toContain(name);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(listed.stories.length).toBeGreaterThan(0);
});

test(
  'run plays all stories, one line each, all as expected',
  async () => {
    const [plain, json] = await Promise.all([spaprDma(['run']), spaprDma(['run', '--json'])]);
    const { stories } = documentOf<Played>('run', json);
    expect(stories.map(({ name }) => name)).toEqual(listed.stories.map(({ name }) => name));
    expect(stories.filter(({ outcome }) => outcome === 'unexpected')).toEqual([]);
    for (const { properties } of stories) {
      for (const { holds, firstStep } of properties) expect(firstStep === null).toBe(holds);
    }
    const lines = plain.stdout.split('\n');
    for (const { name } of stories) {
      expect(
        lines.filter((line) => line.startsWith(`${name} `) && line.endsWith('as expected')),
      ).toHaveLength(1);
    }
    expect(plain.stdout).toContain(`${stories.length} stories, all as expected.\n`);
    expect([plain, json]).toMatchObject([
      { status: 0, stderr: '' },
      { status: 0, stderr: '' },
    ]);
  },
  ALL_STORIES_MS,
);

test('run of several stories plays each once, in the order given', async () => {
  const names = [listed.stories.at(-1)!.name, story, story];
  const json = await spaprDma(['run', ...names, '--json']);
  expect(documentOf<Played>('run', json).stories.map(({ name }) => name)).toEqual([...new Set(names)]);
});

describe('run of one story shows its messages', () => {
  test.each`
    how                 | args                       | begins
    ${'for people'}     | ${[]}                      | ${/./}
    ${'for a terminal'} | ${['--chart', 'terminal']} | ${/./}
    ${'for Mermaid'}    | ${['--chart', 'mermaid']}  | ${/^sequenceDiagram\n/}
    ${'for PlantUML'}   | ${['--chart', 'plantuml']} | ${/^@startuml\n.*@enduml\n$/s}
  `('$how', async ({ args, begins }) => {
    const { status, stdout, stderr } = await spaprDma(['run', story, ...args]);
    expect(stdout).toMatch(begins);
    expect(stdout.split('\n').length).toBeGreaterThan(5);
    expect(stdout.endsWith('\n')).toBe(true);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});

describe('accesses between the machines of the host', () => {
  test('are counted below the chart, and shown with --all', async () => {
    const [few, all] = await Promise.all([
      spaprDma(['run', 'vfio-second-group']),
      spaprDma(['run', 'vfio-second-group', '--all']),
    ]);
    const left = Number(/^Not shown: (\d+) accesses /m.exec(few.stdout)?.[1]);
    expect(left).toBeGreaterThan(10);
    expect(few.stdout).not.toContain('table_group_read');
    expect(all.stdout).not.toContain('Not shown');
    expect(all.stdout).toContain('table_group_read');
    expect(all.stdout).toContain('Windows at the end:');
  });

  test('are not spoken of where there is no host', async () => {
    expect((await spaprDma(['run', 'kexec'])).stdout).not.toContain('Not shown');
  });

  test('--all takes one story', async () => {
    expectRefusal(await spaprDma(['run', 'kexec', 'kdump', '--all']), '--all takes exactly one story');
  });
});

test(
  'run plays all stories with any preset, and tells those that are not meant for it',
  async () => {
    const [plain, json] = await Promise.all([
      spaprDma(['run', '--preset', '2015']),
      spaprDma(['run', '--preset', '2015', '--json']),
    ]);
    const { stories } = documentOf<Played>('run', json);
    expect(stories.map(({ name }) => name)).toEqual(listed.stories.map(({ name }) => name));
    expect(stories.filter(({ outcome }) => outcome === 'unexpected')).toEqual([]);
    const others = stories.filter(({ applies }) => !applies);
    expect(others.length).toBeGreaterThan(0);
    for (const { name } of others) expect(plain.stdout).toMatch(new RegExp(`^${name} .* not meant for`, 'm'));
    expect(plain.stdout).toContain(`${others.length} not meant for these settings.\n`);
    expect([plain.status, json.status]).toEqual([0, 0]);
  },
  ALL_STORIES_MS,
);

test('run sets a preset and switches, the last of several values for one', async () => {
  const { name, values } = listed.switches[0]!;
  const args = ['--preset', preset!, '--set', `${name}=${values[0]}`, '--set', `${name}=${values.at(-1)}`];
  const json = await spaprDma(['run', story, ...args, '--json']);
  expect(documentOf<Played>('run', json).stories).toMatchObject([
    { name: story, preset, settings: { [name]: values.at(-1) } },
  ]);
});

describe('run refuses', () => {
  test.each([
    ['an unknown story', ['frobnicate'], 'frobnicate'],
    ['an unknown story after one that exists', [story, 'frobnicate'], 'frobnicate'],
    ['an unknown preset', ['--preset', 'frobnicate'], 'frobnicate'],
    ['an unknown switch', ['--set', 'frobnicate=1'], 'frobnicate'],
    ['a switch without a value', ['--set', listed.switches[0]?.name ?? ''], listed.switches[0]?.name ?? '?'],
    ['an unknown value of a switch', ['--set', `${listed.switches[0]?.name}=frobnicate`], 'frobnicate'],
    ['the name of a property of all objects', ['--set', 'constructor=1'], 'constructor'],
    ['such a name as a preset', ['--preset', 'toString'], 'toString'],
  ])('%s', async (_, args, named) => {
    const [plain, json] = await Promise.all([
      spaprDma(['run', ...args]),
      spaprDma(['run', ...args, '--json']),
    ]);
    expectRefusal(plain, named);
    expect(plain.stdout).toBe('');
    expectRefusal(json, named);
    expect(documentOf('run', json)).toMatchObject({ stories: [], error: { line: null } });
  });
});
