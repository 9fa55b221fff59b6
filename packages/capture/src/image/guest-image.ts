import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GUEST_PACKAGES } from './guest-tree.js';
import { GUEST_MODULES } from './modules.js';

/** A kernel and a root file system that a guest starts with. */
export interface GuestImage {
  /** Package of the kernel. */
  readonly kernel: string;
  /** As `uname -r` tells it. */
  readonly release: string;
  readonly guestPageShift: 12 | 16;
  /** Files of the packages that it is made of, which name their versions. */
  readonly packages: readonly string[];
  /** Paths of the two files. */
  readonly vmlinux: string;
  readonly initrd: string;
}

/** What lies beside the two files: the image is whole where it is there and right. */
export interface ImageRecord extends Omit<GuestImage, 'vmlinux' | 'initrd'> {
  readonly recipe: string;
  readonly sums: Readonly<Record<ImageFile, string>>;
}

export const IMAGE_FILES = ['vmlinux', 'initrd'] as const;
export type ImageFile = (typeof IMAGE_FILES)[number];
export const RECORD_FILE = 'image.json';

/** Changes with whatever decides what an image has; an image of another recipe is made anew. */
export const RECIPE = createHash('sha256')
  .update(JSON.stringify([2, GUEST_PACKAGES, GUEST_MODULES]))
  .digest('hex')
  .slice(0, 16);

export const sumOf = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** The image in a folder, or null where it is not there, not whole, damaged, or of another recipe. */
export async function imageIn(folder: string): Promise<GuestImage | null> {
  try {
    const { recipe, sums, ...told } = JSON.parse(
      await readFile(join(folder, RECORD_FILE), 'utf8'),
    ) as ImageRecord;
    if (recipe !== RECIPE) return null;
    for (const file of IMAGE_FILES) if (sumOf(await readFile(join(folder, file))) !== sums[file]) return null;
    return { ...told, vmlinux: join(folder, 'vmlinux'), initrd: join(folder, 'initrd') };
  } catch {
    return null;
  }
}
