import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closureOf, packInto, published, QUIET, tarballOf } from '../checks/packing.ts';
import { root } from '../checks/repository.ts';
import { hasSources } from '../report.mjs';

const run = promisify(execFile);
const place = mkdtempSync(join(tmpdir(), 'spapr-dma-packages-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));

beforeAll(() => packInto(place), 120_000);

describe.concurrent('npm pack', () => {
  test.each(published.map((each) => [each.manifest.name, each] as const))(
    '%s holds what it should',
    async (_, each) => {
      const { stdout } = await run('tar', ['-tzf', join(place, tarballOf(each.manifest.name))]);
      const files = stdout.trim().split('\n');
      expect(files).toEqual(expect.arrayContaining(['package/dist/index.js', 'package/dist/index.d.ts']));
      expect(
        files.filter((file) => /\/(?:src|test|bench|reports)\/|tsbuildinfo|(?<!\.d)\.ts$/.test(file)),
      ).toEqual([]);
    },
  );

  test.each(published.map((each) => [each.manifest.name, each] as const))(
    '%s installs alone in an empty project, with its types',
    { timeout: 180_000 },
    async (name, each) => {
      const project = mkdtempSync(join(place, 'project-'));
      writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n');
      const tarballs = [...closureOf(name)].map((needed) => join(place, tarballOf(needed)));
      await run('npm', ['install', ...QUIET, ...tarballs], { cwd: project });

      writeFileSync(
        join(project, 'use.ts'),
        `import * as all from '${name}';\nexport const names: object = all;\n`,
      );
      const strict = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--types', '', '--noEmit'];
      await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...strict, 'use.ts'], {
        cwd: project,
      });

      const script = `const all = await import('${name}'); process.stdout.write(String(Object.keys(all).length));`;
      const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: project });
      if (hasSources(join(root, each.folder))) expect(Number(stdout)).toBeGreaterThan(0);

      if (each.manifest.bin !== undefined && hasSources(join(root, each.folder))) {
        for (const command of Object.keys(each.manifest.bin)) {
          const help = await run(join(project, 'node_modules/.bin', command), ['--help'], { cwd: project });
          expect(help.stdout).toContain(command);
        }
      }
    },
  );
});
