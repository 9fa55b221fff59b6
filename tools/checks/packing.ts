import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Package, packages, root } from './repository.ts';

/** The packages that `npm pack` makes a tarball of. */
export const published: readonly Package[] = packages().filter(({ manifest }) => manifest.private !== true);
const byName = new Map(published.map((each) => [each.manifest.name, each]));

/** The names of a package and of all of ours that it needs. */
export function closureOf(name: string, closure = new Set<string>()): Set<string> {
  closure.add(name);
  for (const needed of Object.keys(byName.get(name)?.manifest.dependencies ?? {})) {
    if (byName.has(needed) && !closure.has(needed)) closureOf(needed, closure);
  }
  return closure;
}

/** The file that holds a package. */
export const tarballOf = (name: string): string =>
  `${name.replace('@', '').replace('/', '-')}-${byName.get(name)!.manifest.version}.tgz`;

/** Packs all of them into a folder. */
export async function packInto(folder: string): Promise<void> {
  const workspaces = published.flatMap((each) => ['-w', each.folder]);
  await promisify(execFile)(
    'npm',
    ['pack', '--ignore-scripts', '--pack-destination', folder, ...workspaces],
    { cwd: root },
  );
}

/** What `npm install` is told, so that it asks no more than it must. */
export const QUIET = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'];
