/**
 * Runs the benchmarks of the package in the working directory, or those named: each `bench/*.bench.ts` is a program
 * and gets a Node process of its own, so that one does not warm up or fill the heap of the next.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { argv, execPath, exit } from 'node:process';
import { fileURLToPath } from 'node:url';

const named = argv.slice(2);
const files = existsSync('bench')
  ? readdirSync('bench')
      .filter((file) => file.endsWith('.bench.ts'))
      .filter((file) => named.length === 0 || named.includes(file.replace('.bench.ts', '')))
      .sort()
  : [];
if (files.length === 0) console.log('no benchmark here');

const typescript = fileURLToPath(new URL('typescript.mjs', import.meta.url));
let failed = 0;
for (const file of files) {
  console.log(`\n${file}`);
  const { status } = spawnSync(execPath, ['--expose-gc', '--import', typescript, `bench/${file}`], {
    stdio: 'inherit',
  });
  if (status !== 0) failed += 1;
}
exit(failed === 0 ? 0 : 1);
