import { CaptureError } from '../capture-error.js';

/** A kernel package of the archive. */
export interface KernelPackage {
  /** `linux-image-6.12.95+deb12-powerpc64le` */
  readonly name: string;
  /** As `uname -r` tells it in the guest. */
  readonly release: string;
  readonly guestPageShift: 12 | 16;
}

/** Debian's ppc64el kernels in what `apt-cache search` prints: `name - synopsis`, one a line. */
export function kernelsIn(found: string): readonly KernelPackage[] {
  const kernels = found.split('\n').flatMap((line): KernelPackage[] => {
    const [, name, release, synopsis] =
      /^(linux-image-([0-9]\S*?-powerpc64le(?:-64k)?)) - (.*)$/.exec(line) ?? [];
    if (name === undefined || release === undefined || synopsis === undefined) return [];
    // A kernel that does not tell is older than the choice: it has pages of 64K.
    return [{ name, release, guestPageShift: /\b4k pages/i.test(synopsis) ? 12 : 16 }];
  });
  return kernels.sort(newestFirst);
}

/** Orders kernels by the numbers of their releases: 6.12 stands before 6.9. */
export const newestFirst = (a: { release: string }, b: { release: string }): number =>
  b.release.localeCompare(a.release, 'en', { numeric: true });

/** How a kernel is asked for: by its page size, by the beginning of its release, or by its package. */
export type KernelChoice = string;

const PAGE_SHIFTS: Readonly<Record<string, number>> = { '4k': 12, '64k': 16 };

/** Whether a text can be a choice of a kernel at all. */
export const isKernelChoice = (text: string): boolean =>
  Object.hasOwn(PAGE_SHIFTS, text) || /^(?:linux-image-)?[0-9]+(?:\.[\w.+~-]*)?$/.test(text);

/** Does a kernel answer the choice? */
function answersChoice(choice: KernelChoice, kernel: KernelPackage): boolean {
  const shift = PAGE_SHIFTS[choice];
  if (shift !== undefined) return kernel.guestPageShift === shift;
  const release = releaseIn(choice);
  return kernel.release.startsWith(release) && !/^[0-9]/.test(kernel.release.slice(release.length));
}

const releaseIn = (choice: KernelChoice): string => choice.replace(/^linux-image-/, '');

/** The kernel of that very release, or else the newest that answers a choice; undefined where none does. */
export const chosenKernel = <Kernel extends KernelPackage>(
  choice: KernelChoice,
  kernels: readonly Kernel[],
): Kernel | undefined =>
  kernels.find(({ release }) => release === releaseIn(choice)) ??
  kernels.find((kernel) => answersChoice(choice, kernel));

/** What is said where no kernel answers. */
export function noKernel(choice: KernelChoice, kernels: readonly KernelPackage[]): CaptureError {
  const what = Object.hasOwn(PAGE_SHIFTS, choice) ? `with pages of ${choice.toUpperCase()}` : choice;
  const known =
    kernels.length === 0
      ? 'apt finds no kernel for ppc64el at all: are the Debian sources of this machine open to other architectures?'
      : `apt finds ${kernels.map(({ release }) => release).join(', ')}`;
  return new CaptureError(`there is no kernel ${what} for ppc64el; ${known}`);
}
