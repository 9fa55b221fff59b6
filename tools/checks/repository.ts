import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

/** The repository, without a slash at the end. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Every file that is committed or about to be, relative to the root. */
export function repositoryFiles(): string[] {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 });
  return [...new Set(listed.split('\0'))]
    .filter((file) => file !== '' && existsSync(`${root}/${file}`))
    .sort();
}

/** A file's text, unpacked where it is a `.gz`; undefined where it is no text. */
export function textOf(file: string): string | undefined {
  const bytes = readFileSync(`${root}/${file}`);
  const plain = file.endsWith('.gz') ? gunzipSync(bytes) : bytes;
  return plain.subarray(0, 8192).includes(0) ? undefined : plain.toString('utf8');
}

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

export interface Package {
  /** Relative to the root. */
  readonly folder: string;
  readonly manifest: Manifest;
}

export const readJson = <T>(file: string): T => JSON.parse(readFileSync(`${root}/${file}`, 'utf8')) as T;

/** The packages and apps: all that is published, so not `tools`. */
export function packages(): Package[] {
  return repositoryFiles()
    .filter((file) => /^(packages|apps)\/[^/]+\/package\.json$/.test(file))
    .map((file) => ({ folder: file.replace('/package.json', ''), manifest: readJson<Manifest>(file) }));
}
