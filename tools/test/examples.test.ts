import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { root, textOf } from '../checks/repository.ts';

/** Every `js` block of a document that is followed by a `text` block, which shows what it prints. */
const examplesIn = (document: string) =>
  [...(textOf(document) ?? '').matchAll(/^```js\n([\s\S]*?)^```\n+^```text\n([\s\S]*?)^```$/gm)].map(
    ([, program = '', shown = ''], at) => ({ document, n: at + 1, program, shown }),
  );

const examples = ['README.md', 'packages/trace/README.md'].flatMap(examplesIn);

test('both documents have examples', () => {
  expect(new Set(examples.map(({ document }) => document)).size).toBe(2);
});

test.each(examples)('program $n in $document prints what is shown below it', async ({ program, shown }) => {
  expect(program).toContain('import');
  // Inside the repository, so that it finds the packages, and ignored like all build output.
  const at = examples.findIndex((each) => each.program === program);
  const file = join(root, 'tools/reports', `example-${process.pid}-${at}.mjs`);
  mkdirSync(join(root, 'tools/reports'), { recursive: true });
  writeFileSync(file, program);
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [file], {
      cwd: root,
      env: { PATH: process.env.PATH, NO_COLOR: '1' },
    });
    expect(stdout).toBe(shown);
  } finally {
    rmSync(file, { force: true });
  }
});
