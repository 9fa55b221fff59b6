import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { archiveLacks, captureLacks, type Description, ImageCache } from '@spapr-dma/capture';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CaptureDocument } from '../src/capture/capture-document.js';
import { repository, spaprDma, start } from './support/command.ts';
import { documentOf, expectRefusal } from './support/documents.ts';

/** Guests stay here from one run of the tests to the next, so that only the first one fetches them. */
const cache = join(repository, '.cache/guests');

/** What a capture needs and this machine lacks; the network only where no guest is there. */
async function lacksHere(): Promise<string | null> {
  const lacks = captureLacks();
  if (lacks !== null || (await new ImageCache(cache).find('4k')) !== null) return lacks;
  return archiveLacks();
}

const lacks = await lacksHere();
const because = lacks === null ? '' : ` (skipped: ${lacks})`;
const MINUTES = 60_000;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'spapr-dma-capture-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test.skipIf(lacks !== null)(
  `A guest that is recorded here is followed to its end${because}`,
  async () => {
    const out = join(folder, 'out');
    const ended = await spaprDma(['capture', 'ddw', '--out', out, '--cache', cache, '--json']);
    const { recordings, error } = documentOf<CaptureDocument>('capture', ended);
    expect(error).toBeNull();
    expect(ended.status).toBe(0);
    expect(recordings).toMatchObject([
      { name: 'ddw', accepted: true, trouble: null, divergence: null, windows: 2, pageBytes: 4096 },
    ]);
    const description = JSON.parse(readFileSync(recordings[0]!.files.description, 'utf8')) as Description;
    expect(description.lines).toBe(recordings[0]!.lines);
    expect(description.events.spapr_iommu_ddw_create).toBe(1);
    expect(description.marks.map(({ text }) => text).at(-1)).toBe('end');
    expect(description.commandLine).not.toContain(tmpdir());
    expect(readdirSync(out).sort()).toEqual(['ddw.console.gz', 'ddw.json', 'ddw.log.gz']);

    const followed = await spaprDma(['follow', recordings[0]!.files.log, '--json']);
    expect(followed.status).toBe(0);
  },
  10 * MINUTES,
);

const untilThere = async (there: () => boolean): Promise<void> => {
  while (!there()) await new Promise((resolve) => setTimeout(resolve, 20));
};

test.skipIf(lacks !== null).each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
  `After %s neither QEMU nor its files are there${because}`,
  async (signal) => {
    const places = mkdtempSync(join(folder, 'places-'));
    const out = join(places, 'out');
    const qemus = () => readdirSync(places).filter((name) => name.startsWith('spapr-dma-qemu-'));
    const child = start(['capture', 'ddw', '--out', out, '--cache', cache], { env: { TMPDIR: places } });
    let stderr = '';
    child.stderr?.on('data', (text) => {
      stderr += text;
    });
    const status = new Promise<number | null>((resolve) => child.on('close', resolve));
    await untilThere(() => qemus().some((name) => readdirSync(join(places, name)).includes('trace.log')));
    child.kill(signal);
    const ended = { status: await status, stdout: '', stderr };
    if (signal !== 'SIGKILL') expectRefusal(ended, /interrupted/);
    await untilThere(() => qemus().length === 0);
    expect(readdirSync(out)).toEqual([]);
  },
  10 * MINUTES,
);
