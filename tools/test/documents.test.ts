import { describe, expect, test } from 'vitest';
import { commandsIn, documentFault, isAsShown, lacksFor } from '../checks/documents.ts';
import { repositoryFiles, root, textOf } from '../checks/repository.ts';

const documents = repositoryFiles().filter((file) =>
  /^(?:[^/]+|(?:packages|apps)\/[^/]+\/[^/]+|docs\/.+)\.md$/.test(file),
);

const documented = documents.flatMap((file) =>
  commandsIn(textOf(file) ?? '').map((command) => ({ file, ...command })),
);

test.runIf(documents.includes('README.md'))('README.md shows commands with their output', () => {
  expect(documented.filter(({ file }) => file === 'README.md').length).toBeGreaterThan(0);
});

describe('a command in a document does what is written there', () => {
  for (const each of documented) {
    const lacks = lacksFor(each.command);
    const skipped = lacks === null ? '' : ` (skipped: ${lacks})`;
    const place = `${each.file}:${each.line}`;
    test.skipIf(lacks !== null)(`${place}${skipped}: ${each.command}`, { timeout: 330_000 }, () => {
      expect.soft(documentFault(each, root) ?? '').toBe('');
    });
  }
});

const example = [
  'Text with $ signs.',
  '```sh',
  '$ not run',
  '```',
  '```console',
  '$ echo one; echo two',
  'one',
  'two',
  '$ printf "%s\\n" \\',
  '>   three',
  'three',
  '',
  '```',
].join('\n');

test('commands are read from console blocks, with their line, continuation and output', () => {
  expect(commandsIn(example)).toEqual([
    { line: 6, command: 'echo one; echo two', output: ['one', 'two'] },
    { line: 9, command: 'printf "%s\\n" three', output: ['three', ''] },
  ]);
  expect(commandsIn(example).map((command) => documentFault(command, root))).toEqual([undefined, undefined]);
});

test('a console block that does not begin with a command is an error', () => {
  expect(() => commandsIn('```console\nonly output\n```')).toThrow('line 2');
});

test.each`
  case                             | shown                        | isLike
  ${'the very lines'}              | ${['a', 'b', 'c']}           | ${true}
  ${'a line is missing'}           | ${['a', 'b']}                | ${false}
  ${'a line too many'}             | ${['a', 'b', 'c', 'd']}      | ${false}
  ${'another line'}                | ${['a', 'x', 'c']}           | ${false}
  ${'lines left out'}              | ${['a', '…', 'c']}           | ${true}
  ${'none left out'}               | ${['a', 'b', '…', 'c']}      | ${true}
  ${'all left out'}                | ${['…']}                     | ${true}
  ${'left out at the end'}         | ${['a', '…']}                | ${true}
  ${'left out twice'}              | ${['…', 'b', '…']}           | ${true}
  ${'left out before another end'} | ${['a', '…', 'x']}           | ${false}
  ${'one line for two passages'}   | ${['a', 'b', '…', 'b', 'c']} | ${false}
  ${'a passage that is not there'} | ${['…', 'c', '…', 'b', '…']} | ${false}
`('output a, b, c against what is shown: $case → $isLike', ({ shown, isLike }) => {
  expect(isAsShown(['a', 'b', 'c', ''], shown)).toBe(isLike);
});

test('… within a line stands for any text', () => {
  expect(isAsShown(['12 stories in 3.1 s (all)'], ['12 stories in … s (all)'])).toBe(true);
  expect(isAsShown(['12 stories in 3.1 s (all)'], ['13 stories in … s (all)'])).toBe(false);
});

test.each`
  case                             | command              | output          | fault
  ${'other output'}                | ${'echo one'}        | ${['two']}      | ${'came out:\none'}
  ${'a status other than 0'}       | ${'echo one; false'} | ${['one']}      | ${'ended with status 1'}
  ${'output of a command not run'} | ${'npm test'}        | ${['9 passed']} | ${'is not run'}
`('refused: $case', ({ command, output, fault }) => {
  expect(documentFault({ line: 1, command, output }, root)).toContain(fault);
});

test('allowed: a status that is shown, standard error, a command not run', () => {
  expect(
    documentFault({ line: 1, command: 'echo a >&2; (exit 2); echo $?', output: ['a', '2'] }, root),
  ).toBeUndefined();
  expect(documentFault({ line: 1, command: 'npm test', output: ['…'] }, root)).toBeUndefined();
});

test.each`
  command                                  | lacks
  ${'npx spapr-dma live --seed 1'}         | ${'no QEMU'}
  ${'npx spapr-dma capture ddw; echo $?'}  | ${'no QEMU'}
  ${'npx spapr-dma live --help'}           | ${null}
  ${'npx spapr-dma vectors live-findings'} | ${null}
`('without QEMU, $command lacks: $lacks', ({ command, lacks }) => {
  expect(lacksFor(command, () => 'no QEMU')).toBe(lacks);
  expect(lacksFor(command, () => null)).toBeNull();
});
