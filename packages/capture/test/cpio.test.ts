import { expect, test } from 'vitest';
import { type CpioEntry, cpioArchive } from '../src/image/cpio.js';

interface Read {
  readonly path: string;
  readonly mode: number;
  readonly owner: readonly number[];
  readonly data: string;
}

/** Reads the archive as Linux does: names and data begin at multiples of four. */
function read(archive: Buffer): readonly Read[] {
  const entries: Read[] = [];
  let at = 0;
  const aligned = () => {
    at = (at + 3) & ~3;
  };
  while (at < archive.length) {
    expect(archive.toString('latin1', at, at + 6)).toBe('070701');
    const field = (n: number) =>
      Number.parseInt(archive.toString('latin1', at + 6 + 8 * n, at + 14 + 8 * n), 16);
    const [mode, uid, gid, size, nameSize] = [field(1), field(2), field(3), field(6), field(11)];
    at += 110;
    const path = archive.toString('utf8', at, at + nameSize! - 1);
    expect(archive[at + nameSize! - 1]).toBe(0);
    at += nameSize!;
    aligned();
    const data = archive.toString('utf8', at, at + size!);
    at += size!;
    aligned();
    entries.push({ path, mode: mode!, owner: [uid!, gid!], data });
  }
  return entries;
}

const entries: readonly CpioEntry[] = [
  { kind: 'folder', path: 'usr' },
  { kind: 'file', path: 'usr/a', data: Buffer.from('hello') },
  { kind: 'file', path: 'usr/ab', data: Buffer.from('four'), executable: true },
  { kind: 'file', path: 'usr/abc', data: new Uint8Array(0) },
  { kind: 'link', path: 'bin', to: 'usr/bin' },
];

test('An archive has folders, files, programs and links of root, and ends with a trailer', () => {
  expect(read(cpioArchive(entries))).toEqual([
    { path: 'usr', mode: 0o040755, owner: [0, 0], data: '' },
    { path: 'usr/a', mode: 0o100644, owner: [0, 0], data: 'hello' },
    { path: 'usr/ab', mode: 0o100755, owner: [0, 0], data: 'four' },
    { path: 'usr/abc', mode: 0o100644, owner: [0, 0], data: '' },
    { path: 'bin', mode: 0o120777, owner: [0, 0], data: 'usr/bin' },
    { path: 'TRAILER!!!', mode: 0, owner: [0, 0], data: '' },
  ]);
});

test('Archives one behind the other are read in turn', () => {
  const both = Buffer.concat([cpioArchive(entries), cpioArchive(entries.slice(0, 1))]);
  expect(read(both).map(({ path }) => path)).toEqual([
    ...['usr', 'usr/a', 'usr/ab', 'usr/abc', 'bin', 'TRAILER!!!'],
    ...['usr', 'TRAILER!!!'],
  ]);
});
