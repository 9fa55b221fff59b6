import { chmodSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { imageLacks } from '../src/lacks.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capture-lacks-'));
});
afterEach(() => rm(folder, { recursive: true }));

const ALL = ['apt-get', 'apt-cache', 'dpkg-deb', 'depmod', 'modprobe', 'xz'];

test.each`
  missing                    | sentence
  ${[]}                      | ${null}
  ${['xz']}                  | ${'there is no command xz: install the Debian package xz-utils'}
  ${['modprobe', 'depmod']}  | ${'there is no command depmod: install the Debian package kmod'}
  ${['depmod', 'xz']}        | ${'there is no command depmod: install the Debian package kmod and xz-utils'}
  ${['apt-get', 'dpkg-deb']} | ${'there is no command apt-get: guests are made of Debian packages, which takes a Debian'}
`('Without $missing: $sentence', ({ missing, sentence }: { missing: string[]; sentence: string | null }) => {
  for (const command of ALL.filter((name) => !missing.includes(name))) {
    writeFileSync(join(folder, command), '');
    chmodSync(join(folder, command), 0o755);
  }
  expect(imageLacks(`/nowhere:${folder}:`)).toBe(sentence);
});
