import { expect, test } from 'vitest';
import { spaprDma } from './support/command.ts';
import { documentOf, expectRefusal } from './support/documents.ts';

test.each`
  case                                  | args                                   | schema       | sentence
  ${'no verb'}                          | ${[]}                                  | ${'error'}   | ${/a verb is missing \(run or vectors\); see spapr-dma --help/}
  ${'an unknown verb'}                  | ${['frobnicate']}                      | ${'error'}   | ${/unknown verb 'frobnicate'/}
  ${'a misspelt verb'}                  | ${['vector', 'x.log']}                 | ${'error'}   | ${/unknown verb 'vector', did you mean vectors;/}
  ${'an unknown option of the command'} | ${['--frobnicate']}                    | ${'error'}   | ${/unknown option '--frobnicate'/}
  ${'an unknown option of run'}         | ${['run', '--frobnicate']}             | ${'run'}     | ${/unknown option '--frobnicate'; see spapr-dma run --help/}
  ${'an unknown option of vectors'}     | ${['vectors', '--frobnicate', 'x']}    | ${'vectors'} | ${/unknown option '--frobnicate'; see spapr-dma vectors --help/}
  ${'vectors without a file'}           | ${['vectors']}                         | ${'vectors'} | ${/missing required argument 'FILE'/}
  ${'vectors with two files'}           | ${['vectors', 'a', 'b']}               | ${'vectors'} | ${/too many arguments/}
  ${'an unknown kind of chart'}         | ${['run', '--chart', 'png']}           | ${'run'}     | ${/'png' is invalid, it can be terminal, mermaid, plantuml/}
  ${'a chart of all stories'}           | ${['run', '--chart', 'mermaid']}       | ${'run'}     | ${/./}
  ${'--set without a value'}            | ${['run', '--set']}                    | ${'run'}     | ${/'--set <name=value>' argument missing/}
  ${'--preset without a name'}          | ${['run', '--preset']}                 | ${'run'}     | ${/'--preset <name>' argument missing/}
  ${'an option with a line break'}      | ${['run', '--fro\nbni\u001b[31mcate']} | ${'run'}     | ${/unknown option '--fro bni/}
`('unusable: $case', async ({ args, schema, sentence }) => {
  const [plain, json] = await Promise.all([spaprDma(args), spaprDma([...args, '--json'])]);
  expectRefusal(plain, sentence);
  expect(plain.stdout).toBe('');
  expectRefusal(json);
  const { error } = documentOf<{ error: { line: null; text: string } }>(schema, json);
  expect(json.stderr).toBe(`spapr-dma: ${error.text}.\n`);
});

test.each([[[]], [['run']], [['vectors']]])('%j --help tells the usage, with examples', async (verb) => {
  const { status, stdout, stderr } = await spaprDma([...verb, '--help']);
  expect(stdout).toContain(`Usage: ${['spapr-dma', ...verb].join(' ')}`);
  expect(stdout).toContain('Examples:');
  expect(stdout).toContain('Status:');
  expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
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
