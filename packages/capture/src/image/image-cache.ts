import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { CaptureError, fileError } from '../capture-error.js';
import { outputOf, type RunCommand, runCommand } from '../command.js';
import { DebianArchive } from '../debian/archive.js';
import { chosenKernel, type KernelChoice, type KernelPackage, newestFirst } from '../debian/kernels.js';
import { makeFolder } from '../folder.js';
import { cpioArchive } from './cpio.js';
import { type GuestImage, type ImageRecord, imageIn, RECIPE, RECORD_FILE, sumOf } from './guest-image.js';
import { GUEST_PACKAGES, treeEntries } from './guest-tree.js';
import { moduleEntries } from './modules.js';

export interface ImageOptions {
  /** Look for a newer kernel than the one that is there. */
  readonly update?: boolean;
  readonly signal?: AbortSignal;
  /** Told what is being done. */
  readonly onProgress?: (text: string) => void;
  readonly run?: RunCommand;
  /** What is left of the file system of a folder. */
  readonly bytesLeft?: (folder: string) => Promise<number>;
}

async function bytesLeft(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** What making an image takes for a while. With less, apt waits for ever where it cannot write. */
const SPACE_MIB = 600;

/** A folder in which a process makes an image; where the process is gone, it is a rest. */
const UNFINISHED = /^unfinished-(\d+)-/;

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Images of guests in a folder, made from Debian's packages where they are not there yet. */
export class ImageCache {
  readonly #folder: string;
  readonly #options: ImageOptions;
  readonly #run: RunCommand;

  constructor(folder: string, options: ImageOptions = {}) {
    this.#folder = resolve(folder);
    this.#options = options;
    this.#run = options.run ?? runCommand;
  }

  /**
   * The image with the newest kernel that answers a choice: one that is there, or else a new one.
   * @throws CaptureError where it cannot be made
   */
  async image(choice: KernelChoice): Promise<GuestImage> {
    const there = this.#options.update === true ? null : await this.find(choice);
    return there ?? (await this.#made(choice));
  }

  /** The image with the newest kernel that answers a choice among those that are there; null where none is. */
  async find(choice: KernelChoice): Promise<GuestImage | null> {
    const names = await readdir(this.#folder).catch(() => []);
    const images = await Promise.all(
      names
        .filter((name) => name.startsWith('linux-image-'))
        .map((name) => imageIn(join(this.#folder, name))),
    );
    const whole = images.flatMap((image) => (image === null ? [] : [{ ...image, name: image.kernel }]));
    const found = chosenKernel(choice, whole.sort(newestFirst));
    return images.find((image) => image?.kernel === found?.name) ?? null;
  }

  async #made(choice: KernelChoice): Promise<GuestImage> {
    const work = await this.#workFolder();
    try {
      await this.#needSpace(work);
      this.#tell("fetching the index of Debian's packages for ppc64el");
      const archive = new DebianArchive(join(work, 'apt'), this.#run, this.#options.signal);
      await archive.update();
      const kernel = await archive.kernel(choice);
      const finished = join(this.#folder, kernel.name);
      const newest = await imageIn(finished);
      return newest ?? (await this.#build(kernel, archive, work, finished));
    } catch (error) {
      throw fileError(this.#folder, error);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  async #workFolder(): Promise<string> {
    try {
      await makeFolder(this.#folder);
      for (const name of await readdir(this.#folder)) {
        const [, pid] = UNFINISHED.exec(name) ?? [];
        if (pid !== undefined && !isRunning(Number(pid)))
          await rm(join(this.#folder, name), { recursive: true, force: true });
      }
      return await mkdtemp(join(this.#folder, `unfinished-${process.pid}-`));
    } catch (error) {
      throw fileError(this.#folder, error);
    }
  }

  async #needSpace(work: string): Promise<void> {
    const left = Math.floor((await (this.#options.bytesLeft ?? bytesLeft)(work)) / 2 ** 20);
    if (left >= SPACE_MIB) return;
    throw new CaptureError(
      `making a guest takes ${SPACE_MIB} MiB for a while, and the file system of ${this.#folder} has ${left} MiB left`,
    );
  }

  async #build(
    kernel: KernelPackage,
    archive: DebianArchive,
    work: string,
    finished: string,
  ): Promise<GuestImage> {
    const { signal } = this.#options;
    const downloads = join(work, 'packages');
    const image = join(work, 'image');
    await mkdir(downloads);
    await mkdir(image);

    const others = await archive.withLibraries(GUEST_PACKAGES);
    this.#tell(`fetching ${kernel.name} and ${others.length} packages more`);
    const packages = await archive.download([kernel.name, ...others], downloads);

    const trees: string[] = [];
    for (const file of packages) {
      this.#tell(`unpacking ${basename(file, '.deb')}`);
      const tree = join(work, 'trees', packageName(file));
      await mkdir(tree, { recursive: true });
      await outputOf(this.#run, 'dpkg-deb', ['-x', join(downloads, file), tree], { signal });
      trees.push(tree);
    }

    this.#tell(`making a guest with ${kernel.release}`);
    const kernelTree = join(work, 'trees', kernel.name);
    const rest = trees.filter((tree) => tree !== kernelTree);
    const initrd = cpioArchive([
      ...(await treeEntries(rest)),
      ...(await moduleEntries(kernelTree, kernel.release, this.#run, signal)),
    ]);
    await copyFile(join(kernelTree, `boot/vmlinux-${kernel.release}`), join(image, 'vmlinux'));
    await writeFile(join(image, 'initrd'), initrd);
    const record: ImageRecord = {
      recipe: RECIPE,
      kernel: kernel.name,
      release: kernel.release,
      guestPageShift: await pageShiftOf(kernelTree, kernel.release),
      packages: packages.map((file) => decodeURIComponent(basename(file, '.deb'))),
      sums: { vmlinux: sumOf(await readFile(join(image, 'vmlinux'))), initrd: sumOf(initrd) },
    };
    await writeFile(join(image, RECORD_FILE), `${JSON.stringify(record, null, 2)}\n`);
    // Whole or not there: an image of that name that was found wanting makes room.
    await rm(finished, { recursive: true, force: true });
    await rename(image, finished);
    return (await imageIn(finished)) ?? lost(finished);
  }

  #tell(text: string): void {
    this.#options.onProgress?.(text);
  }
}

const lost = (folder: string): never => {
  throw new CaptureError(`${folder} was changed while a guest was made in it`);
};

const packageName = (file: string): string => file.slice(0, file.indexOf('_'));

/** The size of the guest's pages is an option that its kernel was built with. */
async function pageShiftOf(tree: string, release: string): Promise<12 | 16> {
  const config = join(tree, `boot/config-${release}`);
  return existsSync(config) && /^CONFIG_PPC_64K_PAGES=y$/m.test(await readFile(config, 'utf8')) ? 16 : 12;
}
