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
  return kernels.sort((a, b) => compareReleases(b.release, a.release));
}

/** Orders releases by their numbers: 6.9 stands before 6.12. */
export function compareReleases(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** How a kernel is asked for: by its page size, by the beginning of its release, or by its package. */
export type KernelChoice = string;

const PAGE_SHIFTS: Readonly<Record<string, number>> = { '4k': 12, '64k': 16 };

/** Whether a text can be a choice of a kernel at all. */
export const isKernelChoice = (text: string): boolean =>
  Object.hasOwn(PAGE_SHIFTS, text) || /^(?:linux-image-)?[0-9][\w.+~-]*$/.test(text);

/** Does a kernel answer the choice? */
export function answersChoice(choice: KernelChoice, kernel: KernelPackage): boolean {
  const shift = PAGE_SHIFTS[choice];
  if (shift !== undefined) return kernel.guestPageShift === shift;
  const release = choice.replace(/^linux-image-/, '');
  return kernel.release === release || new RegExp(`^${escaped(release)}(?![0-9])`).test(kernel.release);
}

const escaped = (text: string): string => text.replace(/[.+]/g, '\\$&');

/** The newest kernel that answers a choice; undefined where none does. */
export const chosenKernel = (
  choice: KernelChoice,
  kernels: readonly KernelPackage[],
): KernelPackage | undefined => kernels.find((kernel) => answersChoice(choice, kernel));

/** What is said where no kernel answers. */
export function noKernel(choice: KernelChoice, kernels: readonly KernelPackage[]): CaptureError {
  const what = Object.hasOwn(PAGE_SHIFTS, choice) ? `with pages of ${choice.toUpperCase()}` : choice;
  const known =
    kernels.length === 0
      ? 'apt finds no kernel for ppc64el at all: are the Debian sources of this machine open to other architectures?'
      : `apt finds ${kernels.map(({ release }) => release).join(', ')}`;
  return new CaptureError(`there is no kernel ${what} for ppc64el; ${known}`);
}
