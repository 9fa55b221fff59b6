import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closureOf, packInto, QUIET, tarballOf } from '../checks/packing.ts';
import { root, textOf } from '../checks/repository.ts';

const run = promisify(execFile);
const place = mkdtempSync(join(tmpdir(), 'spapr-dma-programs-'));
const examples = ['fake-host-kernel.mjs', 'count-exits.mjs', 'check-two-machines.mjs'];
const needed = [
  '@spapr-dma/system',
  '@spapr-dma/vfio-host',
  '@spapr-dma/powernv-ioda2',
  '@spapr-dma/checker',
];

afterAll(() => rmSync(place, { recursive: true, force: true }));

/** An empty project with nothing in it but the examples and the tarballs of the packages. */
beforeAll(async () => {
  await packInto(place);
  writeFileSync(join(place, 'package.json'), '{ "private": true, "type": "module" }\n');
  const tarballs = [...new Set(needed.flatMap((name) => [...closureOf(name)]))].map(tarballOf);
  await run('npm', ['install', ...QUIET, ...tarballs.map((file) => join(place, file))], { cwd: place });
  for (const example of examples) copyFileSync(join(root, 'examples', example), join(place, example));
}, 240_000);

test("a VMM's test passes on a host kernel made of two machines", { timeout: 60_000 }, async () => {
  const { stdout } = await run(process.execPath, ['--test', examples[0]!], { cwd: place });
  expect(stdout).toMatch(/^# pass 2$/m);
  expect(stdout).toMatch(/^# fail 0$/m);
});

/** What a program prints. */
async function printed(example: string): Promise<string> {
  const { stdout } = await run(process.execPath, [example], { cwd: place });
  return stdout;
}

test.each(examples.slice(1))('%s prints what the page shows', { timeout: 120_000 }, async (example) => {
  expect(textOf('examples/README.md')).toContain(`\`\`\`text\n${await printed(example)}\`\`\``);
});
