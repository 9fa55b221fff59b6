import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { appendFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { commandLine, machineArguments } from '../src/record/arguments.js';
import { ConsoleReader } from '../src/record/console.js';
import type { Description } from '../src/record/description.js';
import { GrowingFile } from '../src/record/growing-file.js';
import { eventsIn, missingEvents, writeRecording } from '../src/record/recording.js';
import { SCENARIOS } from '../src/scenarios/all.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capture-record-'));
});
afterEach(() => rm(folder, { recursive: true }));

const hotplug = SCENARIOS.find(({ name }) => name === 'hotplug')!;

test('QEMU is started with the trace events that are followed, with times, and with the disks and devices', () => {
  const places = { folder: '/q', disks: '/d', isArriving: false };
  const args = machineArguments(hotplug, { vmlinux: '/c/vmlinux' }, places).join(' ');
  expect(args).toContain('-msg timestamp=on -D /q/trace.log -trace spapr_iommu* -trace spapr_pci_*');
  expect(args).toContain('file=/d/disk0.img');
  expect(args).toContain('file=/d/disk1.img');
  expect(args).toContain('-kernel /c/vmlinux -initrd /q/initrd -append console=hvc0');
  expect(args).toContain('nvme,serial=disk0,drive=disk0,bus=pci.0');
  expect(args).not.toContain('-incoming');
});

test('A machine that a guest comes to waits for it', () => {
  const places = { folder: '/q', disks: '/d', isArriving: true };
  expect(machineArguments(hotplug, { vmlinux: 'v' }, places).slice(-2)).toEqual([
    '-incoming',
    'unix:/q/migration.sock',
  ]);
});

test('A command line may be typed elsewhere: it names no folder of this machine', () => {
  const args = [
    '-D',
    '/q/trace.log',
    '-drive',
    'file=/d/disk0.img',
    '-trace',
    'spapr_iommu*',
    '-append',
    'a b',
  ];
  expect(commandLine(args, ['/q', '/d'])).toBe(
    "qemu-system-ppc64 -D trace.log -drive file=disk0.img -trace 'spapr_iommu*' -append 'a b'",
  );
});

test('What a guest says is understood in whatever pieces it comes, and other lines are passed over', () => {
  const heard: string[] = [];
  const hear = (word: string) => (text?: string) => heard.push([word, text].join(':'));
  const listener = {
    booted: hear('booted'),
    marked: hear('marked'),
    asked: hear('asked'),
    failed: hear('failed'),
    ended: hear('ended'),
  };
  const said =
    'SLOF\r\n@BOOT 6.1.0\r\n[ 1.0] nvme\r\n@MARK a b\r\n x @MARK no\r\n@ASK plug\r\n@FAIL it\r\n@ENDING\r\n@END\r\n@MARK un';
  for (const size of [1, 7, said.length]) {
    const reader = new ConsoleReader(listener);
    for (let at = 0; at < said.length; at += size) reader.take(said.slice(at, at + size));
    expect(heard.splice(0)).toEqual(['booted:6.1.0', 'marked:a b', 'asked:plug', 'failed:it', 'ended:']);
  }
});

test('A file that another writes is read while it grows, and when it is gone', async () => {
  const path = join(folder, 'trace.log');
  const file = await GrowingFile.at(path);
  await writeFile(path, 'a\nb\nc');
  expect(await file.lines()).toBe(2);
  await appendFile(path, `\n${'d\n'.repeat(1_000_000)}`);
  expect(await Promise.all([file.lines(), file.lines()])).toEqual([1_000_003, 1_000_003]);
  await rm(path);
  const content = await file.content();
  expect(content.length).toBe(2_000_006);
  expect(content.subarray(0, 8).toString()).toBe('a\nb\nc\nd\n');
  await file.close();
});

const LOG = `12@1.000001:spapr_iommu_xlate liobn=0x80000000
qemu: warning
spapr_iommu_xlate liobn=0x80000000
12@1.000002:spapr_pci_msi msi 1
`;

test('Events are counted by name, with times and without; what QEMU says else is none', () => {
  expect(eventsIn(Buffer.from(LOG))).toEqual({ spapr_iommu_xlate: 2, spapr_pci_msi: 1 });
});

test.each`
  some                 | none                 | sentence
  ${['spapr_pci_msi']} | ${[]}                | ${null}
  ${['spapr_pci_msi']} | ${undefined}         | ${null}
  ${['a', 'b']}        | ${[]}                | ${'the log has no a'}
  ${['spapr_pci_msi']} | ${['spapr_pci_msi']} | ${'the log has spapr_pci_msi, and should not'}
`('With $some and without $none: $sentence', ({ some, none, sentence }) => {
  expect(missingEvents({ some, ...(none === undefined ? {} : { none }) }, eventsIn(Buffer.from(LOG)))).toBe(
    sentence,
  );
});

const recording = {
  description: { name: 'ddw', lines: 4 } as Description,
  log: Buffer.from(LOG),
  console: Buffer.from('SLOF'),
};

test('A recording is three files, in a folder that is made, in place of older ones', async () => {
  const out = join(folder, 'a/b');
  await writeRecording(out, { ...recording, log: Buffer.from('older') });
  const files = await writeRecording(out, recording);
  expect((await readdir(out)).sort()).toEqual(['ddw.console.gz', 'ddw.json', 'ddw.log.gz']);
  expect(gunzipSync(readFileSync(files.log)).toString()).toBe(LOG);
  expect(gunzipSync(readFileSync(files.console)).toString()).toBe('SLOF');
  expect(JSON.parse(readFileSync(files.description, 'utf8'))).toEqual({ name: 'ddw', lines: 4 });
});

test.skipIf(!existsSync('/dev/full'))('Where the disk is full, what was there stays as it was', async () => {
  writeFileSync(join(folder, 'ddw.log.gz'), 'older');
  symlinkSync('/dev/full', join(folder, 'ddw.json.unfinished'));
  await expect(writeRecording(folder, recording)).rejects.toThrow(/is on a file system that is full$/);
  expect(await readdir(folder)).toEqual(['ddw.log.gz']);
  expect(readFileSync(join(folder, 'ddw.log.gz'), 'utf8')).toBe('older');
});

test.each`
  out          | sentence
  ${'file'}    | ${/file is no folder$|file\/\.spapr-dma-capture lies under something that is no folder$/}
  ${'file/a'}  | ${/file\/a lies under something that is no folder$/}
  ${'/proc/a'} | ${/^\/proc\/a does not exist$/}
`('Into $out nothing is written', async ({ out, sentence }) => {
  writeFileSync(join(folder, 'file'), '');
  await expect(writeRecording(out.startsWith('/') ? out : join(folder, out), recording)).rejects.toThrow(
    sentence,
  );
});
