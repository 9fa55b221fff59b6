import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { CpioEntry } from './cpio.js';

/** Packages that a guest has beside its kernel; the libraries that they need come with them. */
export const GUEST_PACKAGES = ['busybox-static', 'kexec-tools', 'powerpc-ibm-utils'] as const;

const LIBRARY_FOLDER = 'usr/lib/powerpc64le-linux-gnu';
const PROGRAMS = ['usr/bin/busybox', 'usr/sbin/kexec', 'usr/sbin/drmgr', 'usr/sbin/lsslot'];

/** `bin` and its like are links in a guest, so a file of an older package lies below usr as well. */
export const guestPath = (path: string): string => path.replace(/^(?=(?:bin|sbin|lib|lib64)\/)/, 'usr/');

const isWanted = (path: string): boolean =>
  PROGRAMS.includes(path) ||
  /^usr\/lib64\/ld64\.so\./.test(path) ||
  (path.startsWith(`${LIBRARY_FOLDER}/`) &&
    /^[^/]+\.so(?:\.[^/]*)?$/.test(path.slice(LIBRARY_FOLDER.length + 1)));

const FOLDERS = [
  'usr',
  'usr/bin',
  'usr/sbin',
  'usr/lib',
  'usr/lib64',
  LIBRARY_FOLDER,
  'dev',
  'etc',
  'proc',
  'run',
  'sys',
  'tmp',
  'var',
  'var/lock',
  'var/log',
];

const LINKS: readonly (readonly [path: string, to: string])[] = [
  ['bin', 'usr/bin'],
  ['sbin', 'usr/sbin'],
  ['lib', 'usr/lib'],
  ['lib64', 'usr/lib64'],
  ['usr/bin/sh', 'busybox'],
];

/** The root file system of a guest but for its drivers, from the trees of unpacked packages. */
export async function treeEntries(trees: readonly string[]): Promise<readonly CpioEntry[]> {
  const files = await Promise.all(trees.map(wantedIn));
  return [
    ...FOLDERS.map((path): CpioEntry => ({ kind: 'folder', path })),
    ...LINKS.map(([path, to]): CpioEntry => ({ kind: 'link', path, to })),
    ...files.flat(),
  ];
}

async function wantedIn(tree: string): Promise<readonly CpioEntry[]> {
  const found = await readdir(tree, { recursive: true, withFileTypes: true });
  const entries = found.map(async (file): Promise<readonly CpioEntry[]> => {
    const from = join(file.parentPath, file.name);
    const path = guestPath(from.slice(tree.length + 1));
    if (!isWanted(path)) return [];
    if (file.isSymbolicLink()) return [{ kind: 'link', path, to: await readlink(from) }];
    if (!file.isFile()) return [];
    return [{ kind: 'file', path, data: await readFile(from), executable: true }];
  });
  return (await Promise.all(entries)).flat();
}
