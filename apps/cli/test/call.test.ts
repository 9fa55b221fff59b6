import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { repository, spaprDma } from './support/command.ts';
import { documentOf, expectRefusal } from './support/documents.ts';

test.each`
  case                                   | args                                                     | schema       | sentence
  ${'no verb'}                           | ${[]}                                                    | ${'error'}   | ${/a verb is missing \(run, check, follow, vectors, live, capture or size\); see spapr-dma --help/}
  ${'an unknown verb'}                   | ${['frobnicate']}                                        | ${'error'}   | ${/unknown verb 'frobnicate'/}
  ${'a misspelt verb'}                   | ${['fellow', 'x.log']}                                   | ${'error'}   | ${/unknown verb 'fellow', did you mean follow;/}
  ${'an unknown option of the command'}  | ${['--frobnicate']}                                      | ${'error'}   | ${/unknown option '--frobnicate'/}
  ${'an unknown option of run'}          | ${['run', '--frobnicate']}                               | ${'run'}     | ${/unknown option '--frobnicate'; see spapr-dma run --help/}
  ${'an unknown option of follow'}       | ${['follow', '--frobnicate', 'x.log']}                   | ${'follow'}  | ${/unknown option '--frobnicate'; see spapr-dma follow --help/}
  ${'an unknown option of vectors'}      | ${['vectors', '--frobnicate', 'x']}                      | ${'vectors'} | ${/unknown option '--frobnicate'; see spapr-dma vectors --help/}
  ${'follow without a log'}              | ${['follow']}                                            | ${'follow'}  | ${/missing required argument 'LOG'/}
  ${'follow with two logs'}              | ${['follow', 'a', 'b']}                                  | ${'follow'}  | ${/too many arguments/}
  ${'vectors without a file'}            | ${['vectors']}                                           | ${'vectors'} | ${/missing required argument 'FILE'/}
  ${'vectors with two files'}            | ${['vectors', 'a', 'b']}                                 | ${'vectors'} | ${/too many arguments/}
  ${'an unknown kind of chart'}          | ${['run', '--chart', 'png']}                             | ${'run'}     | ${/'png' is invalid, it can be terminal, mermaid, plantuml/}
  ${'a chart of all stories'}            | ${['run', '--chart', 'mermaid']}                         | ${'run'}     | ${/--chart takes exactly one story/}
  ${'--set without a value'}             | ${['run', '--set']}                                      | ${'run'}     | ${/'--set <name=value>' argument missing/}
  ${'--preset without a name'}           | ${['run', '--preset']}                                   | ${'run'}     | ${/'--preset <name>' argument missing/}
  ${'a PHB without its index'}           | ${['follow', 'x', '--phb', 'pgsz=0x1000']}               | ${'follow'}  | ${/--phb needs index=N/}
  ${'a misspelt property of a PHB'}      | ${['follow', 'x', '--phb', 'index=0,pgz=1']}             | ${'follow'}  | ${/not 'pgz', did you mean pgsz/}
  ${'a property of a PHB with no value'} | ${['follow', 'x', '--phb', 'index']}                     | ${'follow'}  | ${/'index' is none/}
  ${'a property of a PHB given twice'}   | ${['follow', 'x', '--phb', 'index=0,index=1']}           | ${'follow'}  | ${/has index twice/}
  ${'a PHB given twice'}                 | ${['follow', 'x', '--phb=index=1', '--phb=index=1']}     | ${'follow'}  | ${/given twice for index 1/}
  ${'a PHB property that is no number'}  | ${['follow', 'x', '--phb', 'index=0,pgsz=4K']}           | ${'follow'}  | ${/pgsz is a number, decimal or 0x…, not '4K'/}
  ${'a PHB property beyond 64 bits'}     | ${['follow', 'x', '--phb', `index=0,pgsz=${2n ** 64n}`]} | ${'follow'}  | ${/pgsz has at most 64 bits/}
  ${'a PHB index beyond QEMU'}           | ${['follow', 'x', '--phb', 'index=0xffffffff']}          | ${'follow'}  | ${/index is at most/}
  ${'ddw neither on nor off'}            | ${['follow', 'x', '--phb', 'index=0,ddw=yes']}           | ${'follow'}  | ${/ddw is on or off, not 'yes'/}
  ${'a machine of another architecture'} | ${['follow', 'x', '--machine', 'q35']}                   | ${'follow'}  | ${/such as pseries-2.6, not 'q35'/}
  ${'an option with a line break'}       | ${['run', '--fro\nbni\u001b[31mcate']}                   | ${'run'}     | ${/unknown option '--fro bni/}
`('unusable: $case', async ({ args, schema, sentence }) => {
  const [plain, json] = await Promise.all([spaprDma(args), spaprDma([...args, '--json'])]);
  expectRefusal(plain, sentence);
  expect(plain.stdout).toBe('');
  expectRefusal(json);
  const { error } = documentOf<{ error: { line: null; text: string } }>(schema, json);
  expect(json.stderr).toBe(`spapr-dma: ${error.text}.\n`);
});

test.each([[[]], [['run']], [['check']], [['follow']], [['vectors']], [['live']], [['capture']]])(
  '%j --help tells the usage, with examples',
  async (verb) => {
    const { status, stdout, stderr } = await spaprDma([...verb, '--help']);
    expect(stdout).toContain(`Usage: ${['spapr-dma', ...verb].join(' ')}`);
    expect(stdout).toContain('Examples:');
    expect(stdout).toContain('Status:');
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  },
);

test.each(['run', 'follow', 'vectors'])('the files and stories in the examples of %s exist', async (verb) => {
  const [{ stdout }, list] = await Promise.all([spaprDma([verb, '--help']), spaprDma(['run', '--list'])]);
  for (const [, file = ''] of stdout.matchAll(/\b((?:traces|vectors)\/\S+)/g)) {
    expect(existsSync(`${repository}/${file}`), file).toBe(true);
  }
  for (const [, story = ''] of stdout.matchAll(/ run ([a-z][\w-]+)(?= )/g))
    expect(list.stdout).toContain(`\n${story} `);
});

test('help VERB is VERB --help', async () => {
  const [one, other] = await Promise.all([spaprDma(['help', 'vectors']), spaprDma(['vectors', '--help'])]);
  expect(one).toEqual(other);
});

test('--version tells the version', async () => {
  expect(await spaprDma(['--version'])).toEqual({ status: 0, stdout: '0.1.0\n', stderr: '' });
});

test('--json may stand before the verb, and an argument after -- is none', async () => {
  const [before, after] = await Promise.all([
    spaprDma(['--json', 'vectors', 'no-such-file']),
    spaprDma(['vectors', '--', '--json']),
  ]);
  expectRefusal(before, /no-such-file does not exist/);
  documentOf('vectors', before);
  expectRefusal(after, /--json does not exist/);
  expect(after.stdout).toBe('');
});
