import { expect, test } from 'vitest';
import { type Directions, importFaults, importsOf, type Source } from '../checks/imports.ts';
import { packages, readJson, repositoryFiles, textOf } from '../checks/repository.ts';

const base = ['@spapr-dma/protocol', '@spapr-dma/tce-table'];
const machines = ['guest-kernel', 'qemu-spapr', 'kvm', 'vfio-host', 'powernv-ioda2'].map(
  (name) => `@spapr-dma/${name}`,
);
const system = [...base, ...machines];
const trace = [...system, '@spapr-dma/system'];
const models = [...trace, '@spapr-dma/checker'];
const live = [...trace, '@spapr-dma/trace', '@spapr-dma/qemu-process'];
const apps = [...models, ...live, '@spapr-dma/models', '@spapr-dma/live', '@spapr-dma/capture'];

/**
 * apps → live → trace, and apps → models; both → system → the five machines → tce-table → protocol. The checker and
 * what starts a real QEMU stand alone.
 */
const directions: Directions = {
  '@spapr-dma/protocol': [],
  '@spapr-dma/tce-table': ['@spapr-dma/protocol'],
  ...Object.fromEntries(machines.map((machine) => [machine, base])),
  '@spapr-dma/checker': [],
  '@spapr-dma/system': system,
  '@spapr-dma/trace': trace,
  '@spapr-dma/models': models,
  '@spapr-dma/qemu-process': [],
  '@spapr-dma/live': live,
  '@spapr-dma/capture': ['@spapr-dma/qemu-process'],
  'spapr-dma': apps,
  'spapr-dma-lab': apps,
};

const sourceFile = /\/(?:(?:src|test|bench|bin)\/.*|vitest\.config)\.[cm]?[jt]sx?$/;

function sources(): Source[] {
  const files = repositoryFiles();
  return packages().map(({ folder, manifest }) => ({
    name: manifest.name,
    folder,
    dependencies: Object.keys(manifest.dependencies ?? {}),
    files: new Map(
      files
        .filter((file) => file.startsWith(`${folder}/`) && sourceFile.test(file))
        .map((file) => [file, textOf(file) ?? '']),
    ),
  }));
}

test('imports point one way, only to declared packages, and never in a circle', () => {
  const found = sources();
  expect(found.flatMap(({ files }) => [...files.keys()])).toContain('packages/protocol/src/index.ts');
  expect(importFaults(found, directions)).toEqual([]);
});

test('the project references of a package are its dependencies of ours', () => {
  for (const { folder, manifest } of packages()) {
    const config = readJson<{ references?: { path: string }[] }>(`${folder}/tsconfig.src.json`);
    const referenced = (config.references ?? []).map(({ path }) => path.split('/').at(-2));
    const dependencies = Object.keys(manifest.dependencies ?? {}).filter((name) => name in directions);
    expect(referenced.sort(), folder).toEqual(
      dependencies.map((name) => name.replace('@spapr-dma/', '')).sort(),
    );
  }
});

test('every form of import is seen', () => {
  const text = `
    import a from './a.js';
    import type { B } from './b.js';
    import './c.js';
    export * from './d.js';
    export { e } from './e.js';
    const f = () => import('./f.js');
    type G = import('./g.js').G;
    const notAnImport = "import h from './h.js'"; // import i from './i.js'
  `;
  expect(importsOf('x.ts', text)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => `./${name}.js`));
});

function doctored(name: string, file: string, text: string, more: Record<string, string> = {}): string[] {
  const folder = `packages/${name}`;
  const dependencies = ['@spapr-dma/tce-table', 'xstate', '@spapr-dma/kvm'];
  const files = new Map([
    [`${folder}/${file}`, text],
    ...Object.entries(more).map(([f, t]) => [`${folder}/${f}`, t] as const),
  ]);
  return importFaults([{ name: `@spapr-dma/${name}`, folder, dependencies, files }], directions);
}

test.each`
  case                               | name            | file           | text                                             | fault
  ${'a machine imports another'}     | ${'qemu-spapr'} | ${'src/a.ts'}  | ${"import '@spapr-dma/kvm';"}                    | ${'is against the import directions'}
  ${'… in a type only'}              | ${'qemu-spapr'} | ${'src/a.ts'}  | ${"type A = import('@spapr-dma/kvm').A;"}        | ${'is against the import directions'}
  ${'… in a test'}                   | ${'qemu-spapr'} | ${'test/a.ts'} | ${"import '@spapr-dma/kvm';"}                    | ${'is against the import directions'}
  ${'the checker imports protocol'}  | ${'checker'}    | ${'src/a.ts'}  | ${"import '@spapr-dma/protocol';"}               | ${'is against the import directions'}
  ${'protocol imports anything'}     | ${'protocol'}   | ${'src/a.ts'}  | ${"import '@spapr-dma/tce-table';"}              | ${'is against the import directions'}
  ${'a package is not declared'}     | ${'qemu-spapr'} | ${'src/a.ts'}  | ${"import '@spapr-dma/protocol';"}               | ${'is no declared dependency'}
  ${'a foreign one is not declared'} | ${'qemu-spapr'} | ${'src/a.ts'}  | ${"import 'eventemitter3';"}                     | ${'is no declared dependency'}
  ${'a test tool in a source'}       | ${'qemu-spapr'} | ${'src/a.ts'}  | ${"import 'fast-check';"}                        | ${'is no declared dependency'}
  ${'a source of another package'}   | ${'qemu-spapr'} | ${'src/a.ts'}  | ${"import '@spapr-dma/tce-table/dist/put.js';"}  | ${'reaches into another package'}
  ${'… by a path'}                   | ${'qemu-spapr'} | ${'src/a.ts'}  | ${"export * from '../../tce-table/src/put.js';"} | ${'leaves its package'}
  ${'a package without a direction'} | ${'stranger'}   | ${'src/a.ts'}  | ${''}                                            | ${'has no place in the import directions'}
`('refused: $case', ({ name, file, text, fault }) => {
  expect(doctored(name, file, text)).toEqual([expect.stringContaining(fault)]);
});

test('refused: two files import each other', () => {
  const faults = doctored('kvm', 'src/a.ts', "import { b } from './b.js';", {
    'src/b.ts': "import type { A } from './a.js';",
  });
  expect(faults).toEqual([
    '@spapr-dma/kvm: files import each other: packages/kvm/src/a.ts → packages/kvm/src/b.ts → packages/kvm/src/a.ts',
  ]);
});

test('allowed: what is declared and below, and test tools in tests', () => {
  expect(
    doctored('qemu-spapr', 'src/a.ts', "import 'xstate'; import '@spapr-dma/tce-table'; import 'node:fs';"),
  ).toEqual([]);
  expect(doctored('qemu-spapr', 'test/a.test.ts', "import 'vitest'; import '../src/a.js';")).toEqual([]);
});
