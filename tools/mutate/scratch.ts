import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { repositoryFiles, root } from '../checks/repository.ts';
import { type Ended, runNode } from './child.ts';
import { guardOf } from './guard.ts';

/** A copy of the repository in the system's folder for temporary files, in which programs are run. */
export interface Scratch {
  readonly folder: string;
  readonly write: (file: string, text: string) => void;
  /** Runs a program of Node's there; `limit` is in seconds. */
  readonly run: (args: readonly string[], limit: number, cwd?: string) => Promise<Ended>;
  /** Builds these projects; the compiler's complaints, or null. */
  readonly build: (projects: readonly string[]) => Promise<string | null>;
  readonly remove: () => Promise<void>;
}

const BUILD_LIMIT = 600;

/** Links what is installed; links to the workspace's own packages lead to those of the copy. */
function linkDependencies(from: string, to: string): void {
  mkdirSync(to);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const { name } = entry;
    const source = join(from, name);
    if (name.startsWith('.')) continue;
    if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), join(to, name));
    else if (name.startsWith('@')) linkDependencies(source, join(to, name));
    else symlinkSync(source, join(to, name));
  }
}

/** Projects that the compiler builds, in any order. */
export const projectsIn = (folder: string): readonly string[] =>
  ['packages', 'apps']
    .flatMap((parent) =>
      readdirSync(join(folder, parent)).map((name) => `${parent}/${name}/tsconfig.src.json`),
    )
    .filter((project) => existsSync(join(folder, project)));

/**
 * Copies the repository as it stands, without what was built. The copy goes when it is removed, and with this
 * process, however that ends.
 */
export function makeScratch(signal: AbortSignal): Scratch {
  const folder = mkdtempSync(join(tmpdir(), 'spapr-dma-mutate-'));
  const guard = guardOf(folder);
  const groups = new Set<number>();
  const onGroup = (pid: number, runs: boolean) => {
    if (runs) groups.add(pid);
    else groups.delete(pid);
    guard.watch([...groups]);
  };
  for (const file of repositoryFiles()) {
    mkdirSync(join(folder, dirname(file)), { recursive: true });
    copyFileSync(join(root, file), join(folder, file));
  }
  linkDependencies(join(root, 'node_modules'), join(folder, 'node_modules'));

  const run: Scratch['run'] = (args, limit, cwd = '.') =>
    runNode(args, { cwd: join(folder, cwd), limit, signal, onGroup });
  return {
    folder,
    run,
    write: (file, text) => writeFileSync(join(folder, file), text),
    build: async (projects) => {
      const { status, stdout, stderr } = await run(
        ['node_modules/typescript/bin/tsc', '-b', ...projects],
        BUILD_LIMIT,
      );
      return status === 0 ? null : `${stdout}${stderr}`.trim();
    },
    remove: guard.end,
  };
}
