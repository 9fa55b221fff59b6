import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { root, textOf } from '../checks/repository.ts';

/** Documents whose first `js` block prints what the `text` block after it shows. */
const documents = ['README.md', 'packages/trace/README.md'];

test.each(documents)('the program in %s prints what is shown below it', async (document) => {
  const [, program = '', shown = ''] =
    /^```js\n([\s\S]*?)^```\n+^```text\n([\s\S]*?)^```$/m.exec(textOf(document) ?? '') ?? [];
  expect(program).toContain('import');
  // Inside the repository, so that it finds the packages, and ignored like all build output.
  const file = join(root, 'tools/reports', `example-${process.pid}-${documents.indexOf(document)}.mjs`);
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
