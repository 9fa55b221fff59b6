import { expect, test } from 'vitest';
import { chosenKernel, isKernelChoice, kernelsIn, noKernel } from '../src/debian/kernels.js';

const found = `linux-image-6.1.0-47-powerpc64le - Linux 6.1 for Little-endian 64-bit PowerPC
linux-image-6.1.0-50-powerpc64le - Linux 6.1 for Little-endian 64-bit PowerPC
linux-image-6.1.0-50-powerpc64le-dbg - Debug symbols for linux-image-6.1.0-50-powerpc64le
linux-image-6.9.7+bpo-powerpc64le - Linux 6.9 for Little-endian 64-bit PowerPC
linux-image-6.12.95+deb12-powerpc64le - Linux 6.12 for Little-endian 64-bit PowerPC with 4k pages
linux-image-6.12.95+deb12-powerpc64le-64k - Linux 6.12 for Little-endian 64-bit PowerPC with 64k pages
linux-image-6.12.95+deb12-powerpc64le-64k-dbg - Debug symbols for linux-image-6.12.95+deb12-powerpc64le-64k
linux-image-powerpc64le - Linux for Little-endian 64-bit PowerPC (meta-package)
`;
const kernels = kernelsIn(found);

test('Kernels of an archive stand newest first, by their numbers and not their letters', () => {
  expect(kernels.map(({ release, guestPageShift }) => [release, guestPageShift])).toEqual([
    ['6.12.95+deb12-powerpc64le-64k', 16],
    ['6.12.95+deb12-powerpc64le', 12],
    ['6.9.7+bpo-powerpc64le', 16],
    ['6.1.0-50-powerpc64le', 16],
    ['6.1.0-47-powerpc64le', 16],
  ]);
});

test.each`
  choice                                 | name
  ${'4k'}                                | ${'linux-image-6.12.95+deb12-powerpc64le'}
  ${'64k'}                               | ${'linux-image-6.12.95+deb12-powerpc64le-64k'}
  ${'6.1'}                               | ${'linux-image-6.1.0-50-powerpc64le'}
  ${'6.1.0-47'}                          | ${'linux-image-6.1.0-47-powerpc64le'}
  ${'6.12.95+deb12-powerpc64le'}         | ${'linux-image-6.12.95+deb12-powerpc64le'}
  ${'linux-image-6.9.7+bpo-powerpc64le'} | ${'linux-image-6.9.7+bpo-powerpc64le'}
  ${'6'}                                 | ${'linux-image-6.12.95+deb12-powerpc64le-64k'}
  ${'6.2'}                               | ${undefined}
  ${'5.10'}                              | ${undefined}
`('The kernel $choice is $name', ({ choice, name }) => {
  expect(chosenKernel(choice, kernels)?.name).toBe(name);
});

test('Where the archive has no kernel with small pages, it says which kernels there are', () => {
  const old = kernels.slice(3);
  expect(chosenKernel('4k', old)).toBeUndefined();
  expect(noKernel('4k', old).message).toBe(
    'there is no kernel with pages of 4K for ppc64el; apt finds 6.1.0-50-powerpc64le, 6.1.0-47-powerpc64le',
  );
  expect(noKernel('5.10', []).message).toMatch(
    /^there is no kernel 5\.10 for ppc64el; apt finds no kernel for ppc64el at all: /,
  );
});

test('Other words than page sizes, releases and packages are no choice of a kernel', () => {
  const words = ['4k', '64k', '6', '6.1', 'linux-image-6.1', '16k', 'newest', '', '6.1;x', '-6', '6.1 6.2'];
  expect(words.filter(isKernelChoice)).toEqual(['4k', '64k', '6', '6.1', 'linux-image-6.1']);
});
