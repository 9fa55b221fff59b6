import { expect, test } from 'vitest';
import { guestPath } from '../src/image/guest-tree.js';
import { inOneFolder, moduleFilesIn } from '../src/image/modules.js';

test('The files of a driver are those that modprobe would load, also in a folder with a space', () => {
  const shown = `builtin virtio_ring
insmod /a b/kernel/crypto/crc64.ko.xz 
insmod /a b/kernel/nvme-core.ko multipath=N io_timeout=3.ko
`;
  expect(moduleFilesIn(shown)).toEqual(['/a b/kernel/crypto/crc64.ko.xz', '/a b/kernel/nvme-core.ko']);
});

test('The list of what drivers need names files of one folder; other lists stay as they are', () => {
  const needs =
    'kernel/drivers/nvme.ko.xz: kernel/drivers/nvme-core.ko.xz kernel/lib/crc64.ko\nkernel/a.ko:\n';
  expect(inOneFolder('modules.dep', needs)).toBe('nvme.ko: nvme-core.ko crc64.ko\na.ko:\n');
  expect(inOneFolder('modules.alias', needs)).toBe(needs);
});

test.each`
  path                     | there
  ${'bin/busybox'}         | ${'usr/bin/busybox'}
  ${'sbin/kexec'}          | ${'usr/sbin/kexec'}
  ${'lib64/ld64.so.2'}     | ${'usr/lib64/ld64.so.2'}
  ${'lib/x/libc.so.6'}     | ${'usr/lib/x/libc.so.6'}
  ${'usr/lib/x/libz.so.1'} | ${'usr/lib/x/libz.so.1'}
  ${'binary'}              | ${'binary'}
`('$path of a package is $there in a guest', ({ path, there }) => {
  expect(guestPath(path)).toBe(there);
});
