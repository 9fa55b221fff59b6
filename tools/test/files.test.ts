import { homedir } from 'node:os';
import { expect, test } from 'vitest';
import { brokenLinks, type Lookup } from '../checks/links.ts';
import { packages, readJson, repositoryFiles, root, textOf } from '../checks/repository.ts';
import { lineCount, machineBoundIn } from '../checks/text.ts';
import { completeLock } from '../lock.mjs';

const files = repositoryFiles();
const isSource = (file: string) => /\.(?:ts|tsx|mts|mjs|js)$/.test(file);

const sourceLinesMax = 400;

test(`no source file has more than ${sourceLinesMax} lines`, () => {
  const long = files
    .filter(isSource)
    .map((file) => ({ file, lines: lineCount(textOf(file) ?? '') }))
    .filter(({ lines }) => lines > sourceLinesMax);
  expect(long).toEqual([]);
});

test('a file of 400 lines is one of 400 lines, with and without a newline at its end', () => {
  expect(lineCount('a\n'.repeat(400))).toBe(400);
  expect(lineCount(`${'a\n'.repeat(400)}b`)).toBe(401);
});

test('no file names a place on one machine, or a registry', () => {
  const home = homedir();
  const ownPlaces = [`${root}/`, ...(home.length > '/root'.length ? [home] : [])];
  const found = files.flatMap((file) =>
    machineBoundIn(textOf(file) ?? '', ownPlaces).map(({ line, text }) => `${file}:${line}: ${text}`),
  );
  expect(found).toEqual([]);
});

test.each([
  ['a home folder', ['see /', 'home/somebody/notes'].join('')],
  ['a work folder', ['cd /', 'work/main'].join('')],
  ["the administrator's home", ['/', 'root/.npmrc'].join('')],
  ['a folder beside the repository', ['..', '/shared/spec'].join('')],
  ['a registry', ['https://registry.', 'npmjs.org/xstate'].join('')],
  ['a Debian mirror', ['http://deb.', 'debian.org'].join('')],
  ['a download address in a lock', ['"resolved', '": "https://example.org/x.tgz"'].join('')],
])('refused: %s', (_, text) => {
  expect(machineBoundIn(`first\n${text}\n`)).toEqual([{ line: 2, text }]);
});

test.each(['"resolved": "packages/trace"', '/proc/cpuinfo', 'packages/work/list', '/pci@800000020000000'])(
  'allowed: %s',
  (text) => {
    expect(machineBoundIn(text)).toEqual([]);
  },
);

const lookup: Lookup = (file) => {
  if (files.includes(file)) return { text: file.endsWith('.md') ? textOf(file) : undefined };
  return file === '' || files.some((other) => other.startsWith(`${file}/`)) ? {} : undefined;
};

test('links in the documents lead somewhere', () => {
  const documents = files.filter((file) => file.endsWith('.md'));
  expect(documents).toContain('CONTRIBUTING.md');
  expect(documents.flatMap((file) => brokenLinks(file, textOf(file) ?? '', lookup))).toEqual([]);
});

test('a link to a missing file or heading is found, in prose only', () => {
  const text = [
    '# One heading, `code` & more',
    '[a](b.md) [c](missing.md) [d](#one-heading-code--more) [e](#nowhere) [f](https://example.org/x)',
    '`[g](missing.md)`',
    '```',
    '[h](missing.md)',
    '```',
    '[i]: ../c.md#there',
    '[j]: ../c.md#not-there',
  ].join('\n');
  const known: Record<string, string> = { 'docs/a.md': text, 'docs/b.md': '', 'c.md': '## There' };
  expect(
    brokenLinks('docs/a.md', text, (file) => (file in known ? { text: known[file] } : undefined)),
  ).toEqual([
    'docs/a.md:2: missing.md leads nowhere',
    'docs/a.md:2: #nowhere names a heading that is not there',
    'docs/a.md:8: ../c.md#not-there names a heading that is not there',
  ]);
});

test('every dependency is pinned to one version', () => {
  const manifests = [
    'package.json',
    'tools/package.json',
    ...packages().map(({ folder }) => `${folder}/package.json`),
  ];
  type Pins = Record<'dependencies' | 'devDependencies', Record<string, string> | undefined>;
  const loose = manifests.flatMap((file) => {
    const { dependencies, devDependencies } = readJson<Pins>(file);
    return Object.entries({ ...dependencies, ...devDependencies })
      .filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))
      .map(([name, version]) => `${file}: ${name} ${version}`);
  });
  expect(loose).toEqual([]);
});

test('the lock has an entry for every optional platform package', () => {
  expect(completeLock(readJson('package-lock.json')).added).toEqual([]);
});

test('a missing platform package is added to the lock, as npm would write it', () => {
  const optionalDependencies = {
    '@x/y-linux-x64-musl': '1.2.3',
    '@x/y-darwin-arm64': '1.2.3',
    'no-platform': '1.0.0',
  };
  const parent = { version: '1.2.3', dev: true, optionalDependencies };
  const { lock, added } = completeLock({
    packages: { 'node_modules/y': parent, 'node_modules/@x/y-darwin-arm64': { version: '1.2.3' } },
  });
  expect(added).toEqual(['@x/y-linux-x64-musl']);
  expect(lock.packages['node_modules/@x/y-linux-x64-musl']).toEqual({
    version: '1.2.3',
    cpu: ['x64'],
    dev: true,
    libc: ['musl'],
    optional: true,
    os: ['linux'],
  });
});
