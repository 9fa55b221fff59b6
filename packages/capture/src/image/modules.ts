import { existsSync } from 'node:fs';
import { readdir, readFile, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CaptureError } from '../capture-error.js';
import { outputOf, type RunCommand } from '../command.js';
import type { CpioEntry } from './cpio.js';

/** Drivers that scenarios may load; what they need comes with them. */
export const GUEST_MODULES = [
  'nvme',
  'virtio_pci',
  'virtio_blk',
  'virtio_net',
  'virtio_scsi',
  'e1000e',
  'ibmvscsi',
  'ibmveth',
  'sd_mod',
  'rpaphp',
  'rpadlpar_io',
] as const;

/** The files in what `modprobe --show-depends` prints; a driver that is built in has none. */
export const moduleFilesIn = (shown: string): readonly string[] =>
  shown.split('\n').flatMap((line) => /^insmod (\/.+?\.ko(?:\.xz)?)(?: |$)/.exec(line)?.[1] ?? []);

/** The folder of a kernel's modules in its unpacked package. */
export async function modulesFolder(tree: string, release: string): Promise<string> {
  // Newer packages have it below usr, and depmod looks for it above.
  if (!existsSync(join(tree, 'lib')) && existsSync(join(tree, 'usr/lib')))
    await symlink('usr/lib', join(tree, 'lib'));
  const folder = join(tree, 'lib/modules', release);
  if (existsSync(folder)) return folder;
  throw new CaptureError(`the package of the kernel ${release} has no modules`);
}

/** The drivers of a kernel, unpacked, and what modprobe needs to find them in the guest. */
export async function moduleEntries(
  tree: string,
  release: string,
  run: RunCommand,
  signal?: AbortSignal,
): Promise<readonly CpioEntry[]> {
  const folder = await modulesFolder(tree, release);
  await outputOf(run, 'depmod', ['-b', tree, release], { signal });
  const asked = ['-d', tree, '-S', release, '--show-depends'];
  const files = new Set<string>();
  for (const name of GUEST_MODULES)
    for (const file of moduleFilesIn(await outputOf(run, 'modprobe', [...asked, name], { signal })))
      files.add(file);
  const packed = [...files].filter((file) => file.endsWith('.xz'));
  if (packed.length > 0) await outputOf(run, 'xz', ['--decompress', '--force', ...packed], { signal });

  const guestFolder = `usr/lib/modules/${release}`;
  const modules = [...files].map(async (file): Promise<CpioEntry> => {
    const plain = file.replace(/\.xz$/, '');
    return { kind: 'file', path: `${guestFolder}/${basename(plain)}`, data: await readFile(plain) };
  });
  return [
    { kind: 'folder', path: 'usr/lib/modules' },
    { kind: 'folder', path: guestFolder },
    ...(await Promise.all(modules)),
    ...(await indexEntries(folder, guestFolder)),
  ];
}

/** Which driver serves which device is read from the modules' own index; the files lie in one folder in the guest. */
async function indexEntries(folder: string, guestFolder: string): Promise<readonly CpioEntry[]> {
  const names = (await readdir(folder)).filter((name) =>
    /^modules\.(?:alias|symbols|softdep|dep|builtin|builtin\.modinfo|order)$/.test(name),
  );
  const entries = names.map(async (name): Promise<CpioEntry> => {
    const text = await readFile(join(folder, name), 'utf8');
    return { kind: 'file', path: `${guestFolder}/${name}`, data: Buffer.from(inOneFolder(name, text)) };
  });
  return Promise.all(entries);
}

/** `kernel/drivers/a.ko.xz: kernel/b.ko.xz` → `a.ko: b.ko` */
export const inOneFolder = (name: string, text: string): string =>
  name === 'modules.dep' ? text.replace(/[^\s:]*\/([^\s/:]+\.ko)(?:\.xz)?/g, '$1') : text;
