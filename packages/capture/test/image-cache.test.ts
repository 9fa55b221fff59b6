import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RunCommand } from '../src/command.js';
import { ImageCache } from '../src/image/image-cache.js';

let folder: string;
let calls: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capture-cache-'));
  calls = [];
});
afterEach(() => rm(folder, { recursive: true }));

const KERNEL = 'linux-image-6.12.9-powerpc64le';
const RELEASE = '6.12.9-powerpc64le';
const image = (file = '') => join(folder, KERNEL, file);

function put(path: string, content = basename(path)): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/** What the packages have, as far as it matters. */
function unpack(name: string, tree: string): void {
  if (name.startsWith('linux-image-')) {
    put(join(tree, `boot/vmlinux-${RELEASE}`), 'the kernel');
    put(join(tree, `boot/config-${RELEASE}`), 'CONFIG_PPC_4K_PAGES=y\n# CONFIG_PPC_64K_PAGES is not set\n');
    const modules = join(tree, 'lib/modules', RELEASE);
    put(join(modules, 'kernel/drivers/nvme.ko.xz'));
    put(join(modules, 'modules.dep'), 'kernel/drivers/nvme.ko.xz: kernel/drivers/core.ko.xz\n');
  } else if (name.startsWith('busybox')) {
    put(join(tree, 'bin/busybox'));
    put(join(tree, 'usr/share/doc/busybox/copyright'));
  } else {
    const libraries = join(tree, 'lib/powerpc64le-linux-gnu');
    put(join(libraries, 'libc.so.6'));
    put(join(libraries, 'gconv/UTF-16.so'));
    symlinkSync('libc.so.6', join(libraries, 'libc.so'));
  }
}

/** The commands of a Debian, as far as they are used. */
const debian: RunCommand = async (command, args, { cwd = '' } = {}) => {
  calls.push([command, ...args].join(' '));
  let stdout = '';
  if (args.includes('search')) stdout = `${KERNEL} - Linux with 4k pages\n`;
  else if (args.includes('depends')) stdout = '  Depends: libc6\n';
  else if (args.includes('download'))
    for (const name of args.slice(4)) put(join(cwd, `${name}_1%3a2_ppc64el.deb`));
  else if (command === 'dpkg-deb') unpack(basename(args[1]!), args[2]!);
  else if (command === 'modprobe' && args.at(-1) === 'nvme')
    stdout = `builtin core\ninsmod ${join(args[1]!, 'lib/modules', RELEASE, 'kernel/drivers/nvme.ko.xz')} \n`;
  else if (command === 'xz') for (const file of args.slice(2)) put(file.replace(/\.xz$/, ''), 'the driver');
  return { status: 0, stdout, stderr: '' };
};

const cacheOf = (run: RunCommand = debian, update = false) => new ImageCache(folder, { run, update });

test('An image is made of packages, and is there the next time', async () => {
  const made = await cacheOf().image('4k');
  expect(made).toEqual({
    kernel: KERNEL,
    release: RELEASE,
    guestPageShift: 12,
    packages: [
      'busybox-static_1:2_ppc64el',
      'kexec-tools_1:2_ppc64el',
      'libc6_1:2_ppc64el',
      `${KERNEL}_1:2_ppc64el`,
      'powerpc-ibm-utils_1:2_ppc64el',
    ],
    vmlinux: image('vmlinux'),
    initrd: image('initrd'),
  });
  expect(readFileSync(made.vmlinux, 'utf8')).toBe('the kernel');
  expect(readdirSync(folder)).toEqual([KERNEL]);
  calls = [];
  expect(await cacheOf().image('4k')).toEqual(made);
  expect(calls).toEqual([]);
});

test('The guest has programs, libraries and drivers, and no more than these', async () => {
  const { initrd } = await cacheOf().image('4k');
  const archive = readFileSync(initrd, 'latin1');
  for (const path of [
    'usr/bin/busybox',
    'usr/lib/powerpc64le-linux-gnu/libc.so.6',
    'usr/lib/powerpc64le-linux-gnu/libc.so\0',
    `usr/lib/modules/${RELEASE}/nvme.ko`,
    'nvme.ko: core.ko\n',
    'the driver',
  ])
    expect(archive).toContain(path);
  expect(archive).not.toContain('copyright');
  expect(archive).not.toContain('gconv');
});

test('Newer packages are looked for when that is asked, and not made twice', async () => {
  await cacheOf().image('4k');
  calls = [];
  await cacheOf(debian, true).image('4k');
  expect(calls.some((call) => call.includes('update'))).toBe(true);
  expect(calls.some((call) => call.includes('download'))).toBe(false);
});

const spoil: Readonly<Record<string, () => void>> = {
  'a kernel that was changed': () => put(image('vmlinux'), 'another'),
  'a root file system that was cut': () => put(image('initrd'), ''),
  'a kernel that is gone': () => rmSync(image('vmlinux')),
  'no description': () => rmSync(image('image.json')),
  'a description that is none': () => put(image('image.json'), '{"recipe":'),
  'a description without sums': () =>
    put(image('image.json'), readFileSync(image('image.json'), 'utf8').replace('"sums"', '"sum"')),
  'another recipe': () =>
    put(
      image('image.json'),
      readFileSync(image('image.json'), 'utf8').replace(/"recipe": "./, '"recipe": "-'),
    ),
};

test.each(Object.keys(spoil))('An image with %s is made anew', async (what) => {
  await cacheOf().image('4k');
  spoil[what]!();
  expect(await cacheOf().find('4k')).toBeNull();
  calls = [];
  const { vmlinux } = await cacheOf().image('4k');
  expect(readFileSync(vmlinux, 'utf8')).toBe('the kernel');
  expect(calls.some((call) => call.includes('download'))).toBe(true);
});

test('An image for another choice is no image', async () => {
  await cacheOf().image('4k');
  expect(await cacheOf().find('64k')).toBeNull();
  expect(await cacheOf().find('6.12')).toMatchObject({ release: RELEASE });
});

test('What a process left that is gone is removed, and what one makes that is there stays', async () => {
  const gone = join(folder, 'unfinished-999999999-abc');
  const busy = join(folder, `unfinished-${process.pid}-abc`);
  for (const rest of [gone, busy]) put(join(rest, 'packages/half.deb'));
  await cacheOf().image('4k');
  expect(existsSync(gone)).toBe(false);
  expect(existsSync(busy)).toBe(true);
});

test('A download that fails is told in one sentence, and leaves nothing behind', async () => {
  const offline: RunCommand = (command, args, options) =>
    args.includes('download')
      ? Promise.resolve({
          status: 100,
          stdout: '',
          stderr: 'E: Failed to fetch x  No space left on device\n',
        })
      : debian(command, args, options);
  await expect(cacheOf(offline).image('4k')).rejects.toThrow(
    'apt-get fails: Failed to fetch x  No space left on device',
  );
  expect(readdirSync(folder)).toEqual([]);
});

test('Who interrupts finds nothing left behind', async () => {
  const abort = new AbortController();
  const run: RunCommand = (command, args, options) => {
    if (command === 'dpkg-deb') abort.abort();
    return debian(command, args, options);
  };
  const cache = new ImageCache(folder, { run, signal: abort.signal });
  await expect(cache.image('4k')).rejects.toThrow('interrupted');
  expect(readdirSync(folder)).toEqual([]);
});

test('Where too little space is left nothing is fetched', async () => {
  const left = (mib: number) => new ImageCache(folder, { run: debian, bytesLeft: async () => mib * 2 ** 20 });
  await expect(left(599.9).image('4k')).rejects.toThrow(
    `making a guest takes 600 MiB for a while, and the file system of ${folder} has 599 MiB left`,
  );
  expect(calls).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
  expect(await left(600).image('4k')).toMatchObject({ kernel: KERNEL });
});

test('A folder that cannot be one is told', async () => {
  put(join(folder, 'file'));
  const below = join(folder, 'file/cache');
  await expect(new ImageCache(below, { run: debian }).image('4k')).rejects.toThrow(
    `${below} lies under something that is no folder`,
  );
  await expect(new ImageCache('/proc/cache', { run: debian }).image('4k')).rejects.toThrow(
    '/proc/cache does not exist',
  );
});
