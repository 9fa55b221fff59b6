import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cwd, env, execPath } from 'node:process';

/** The README of the package whose tests run: they run in its folder. */
const file = join(cwd(), 'README.md');

/** The generated part of the README behind the line that says from what, and the same as it should be. */
export function generatedPart(from: string, lines: readonly string[]): { shown: string; generated: string } {
  const readme = readFileSync(file, 'utf8');
  const begin = readme.indexOf('\n', readme.indexOf(`<!-- Generated from ${from} `)) + 1;
  const end = readme.indexOf('<!-- end -->', begin);
  if (begin === 0 || end < 0) throw new Error(`the README has no part that is generated from ${from}`);
  const generated = `${lines.join('\n')}\n`;
  if (env.UPDATE) writeFileSync(file, readme.slice(0, begin) + generated + readme.slice(end));
  return { shown: env.UPDATE ? generated : readme.slice(begin, end), generated };
}

/** Runs the README's program as written, and tells what it prints beside what the README says. */
export async function exampleOutput(): Promise<{ shown: string; printed: string }> {
  const [, program, shown] = /```js\n(.*?)```\n\n```text\n(.*?)```/s.exec(readFileSync(file, 'utf8')) ?? [];
  if (program === undefined || shown === undefined) throw new Error('the README has no example');
  const printed = await new Promise<string>((resolve) => {
    // Whoever runs the tests may ask for colours.
    const { FORCE_COLOR: _, ...plain } = env;
    execFile(
      execPath,
      ['--input-type=module', '-e', program],
      { env: { ...plain, NO_COLOR: '1' } },
      (__, out, err) => resolve(out + err),
    );
  });
  return { shown, printed };
}
