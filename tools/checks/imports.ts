import { posix } from 'node:path';
import { parseSync, Visitor } from 'rolldown/utils';

/** A package as the import rules see it. */
export interface Source {
  readonly name: string;
  /** Relative to the root, as are the keys of `files`. */
  readonly folder: string;
  readonly dependencies: readonly string[];
  readonly files: ReadonlyMap<string, string>;
}

/** What each package may import of ours. Machines never import each other, and the checker knows none of them. */
export type Directions = Readonly<Record<string, readonly string[]>>;

/** What tests and benchmarks may import besides what their package may. */
export const testTools: readonly string[] = [
  'vitest',
  'vitest/config',
  'fast-check',
  'tinybench',
  'ajv',
  'ajv/dist/2020.js',
];

/** Every module that a file imports, exports from, or names in a type. */
export function importsOf(file: string, text: string): string[] {
  const { program, errors } = parseSync(file, text);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`);
  const found: string[] = [];
  const note = (source: unknown) => {
    if (
      typeof source === 'object' &&
      source !== null &&
      'value' in source &&
      typeof source.value === 'string'
    ) {
      found.push(source.value);
    }
  };
  new Visitor({
    ImportDeclaration: ({ source }) => note(source),
    ExportAllDeclaration: ({ source }) => note(source),
    ExportNamedDeclaration: ({ source }) => note(source),
    ImportExpression: ({ source }) => note(source),
    TSImportType: ({ source }) => note(source),
  }).visit(program);
  return found;
}

const isTest = (file: string) => !/\/(src|bin)\//.test(file);

/** The package part of an import: `@scope/name/rest` → `@scope/name`. */
const packageOf = (specifier: string) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');

/** What the tests of all packages have in common stands beside the packages. */
const isSharedByTests = (file: string): boolean => /^[a-z]+\.base\.ts$/.test(file);

function wrongImport(
  source: Source,
  file: string,
  specifier: string,
  directions: Directions,
): string | undefined {
  if (specifier.startsWith('node:')) return undefined;
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(file), specifier);
    if (isSharedByTests(target) || target.startsWith(`${source.folder}/`)) return undefined;
    return 'leaves its package';
  }
  if (isTest(file) && testTools.includes(specifier)) return undefined;
  const imported = packageOf(specifier);
  if (imported in directions) {
    if (imported === source.name) return isTest(file) ? undefined : 'imports its own package by name';
    if (!directions[source.name]?.includes(imported)) return 'is against the import directions';
    if (specifier !== imported) return 'reaches into another package';
  }
  return source.dependencies.includes(imported) ? undefined : 'is no declared dependency';
}

/** Files that import each other in a circle, each circle once, beginning with its first name. */
export function cyclesOf(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles = new Map<string, string[]>();
  const done = new Set<string>();
  const visit = (file: string, path: string[]) => {
    const at = path.indexOf(file);
    if (at >= 0) {
      const cycle = path.slice(at);
      const first = cycle.indexOf([...cycle].sort()[0]!);
      const turned = [...cycle.slice(first), ...cycle.slice(0, first)];
      cycles.set(turned.join('\n'), turned);
      return;
    }
    if (done.has(file)) return;
    for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of edges.keys()) visit(file, []);
  return [...cycles.values()];
}

function fileEdges({ files }: Source): Map<string, string[]> {
  const edges = new Map<string, string[]>();
  for (const [file, text] of files) {
    const targets = importsOf(file, text)
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts'));
    edges.set(
      file,
      targets.filter((target) => files.has(target)),
    );
  }
  return edges;
}

/** Everything in these packages that breaks a rule, one sentence each. */
export function importFaults(sources: readonly Source[], directions: Directions): string[] {
  const faults: string[] = [];
  for (const source of sources) {
    if (!(source.name in directions)) faults.push(`${source.name} has no place in the import directions`);
    for (const [file, text] of source.files) {
      for (const specifier of importsOf(file, text)) {
        const wrong = wrongImport(source, file, specifier, directions);
        if (wrong !== undefined) faults.push(`${file}: import of ${specifier} ${wrong}`);
      }
    }
    for (const cycle of cyclesOf(fileEdges(source))) {
      faults.push(`${source.name}: files import each other: ${[...cycle, cycle[0]].join(' → ')}`);
    }
  }
  return faults;
}
