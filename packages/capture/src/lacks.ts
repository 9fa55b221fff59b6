import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { qemuLacks } from '@spapr-dma/qemu-process';
import { searchPath } from './command.js';

/** Commands beside QEMU that a guest is made with, and the Debian packages that have them. */
const COMMANDS: readonly (readonly [command: string, debianPackage: string])[] = [
  ['apt-get', 'apt'],
  ['apt-cache', 'apt'],
  ['dpkg-deb', 'dpkg'],
  ['depmod', 'kmod'],
  ['modprobe', 'kmod'],
  ['xz', 'xz-utils'],
];

function isOnPath(command: string, path: string): boolean {
  return path.split(':').some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return folder !== '';
    } catch {
      return false;
    }
  });
}

/** What making a guest needs and this machine lacks, as a sentence with the package to install; null where nothing. */
export function imageLacks(path: string = searchPath()): string | null {
  const missing = COMMANDS.filter(([command]) => !isOnPath(command, path));
  const [first] = missing;
  if (first === undefined) return null;
  const packages = [...new Set(missing.map(([, debianPackage]) => debianPackage))];
  if (packages.includes('apt') || packages.includes('dpkg'))
    return `there is no command ${first[0]}: guests are made of Debian packages, which takes a Debian`;
  return `there is no command ${first[0]}: install the Debian package ${packages.join(' and ')}`;
}

/** What recording needs and this machine lacks, as a sentence with the package to install; null where nothing. */
export const captureLacks = (): string | null => qemuLacks() ?? imageLacks();
