import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { fileError } from '../capture-error.js';
import { makeFolder } from '../folder.js';
import type { Description } from './description.js';

/** A recording as it is made. */
export interface Recording {
  readonly description: Description;
  readonly log: Uint8Array;
  readonly console: Uint8Array;
}

/** Lines of a log by event; other lines do not count. */
export function eventsIn(log: Uint8Array): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const [, event] of Buffer.from(log)
    .toString('latin1')
    .matchAll(/^(?:\d+@[\d.]+:)?([a-z]\w+) /gm))
    counts.set(event!, (counts.get(event!) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a], [b]) => a.localeCompare(b)));
}

/** What a recording is in need of, to show what it should; null where nothing. */
export function missingEvents(
  { some, none = [] }: { readonly some: readonly string[]; readonly none?: readonly string[] },
  events: Readonly<Record<string, number>>,
): string | null {
  const absent = some.find((event) => events[event] === undefined);
  if (absent !== undefined) return `the log has no ${absent}`;
  const present = none.find((event) => events[event] !== undefined);
  return present === undefined ? null : `the log has ${present}, and should not`;
}

/** Where the files of a recording are. */
export interface RecordingFiles {
  readonly log: string;
  readonly console: string;
  readonly description: string;
}

const packed = promisify(gzip) as (data: Uint8Array, options: { level: number }) => Promise<Uint8Array>;

/**
 * Writes the three files of a recording into a folder, in place of older ones.
 * @throws CaptureError where that is not possible; what was there is untouched then
 */
export async function writeRecording(
  folder: string,
  { description, log, console }: Recording,
): Promise<RecordingFiles> {
  const files: RecordingFiles = {
    log: join(folder, `${description.name}.log.gz`),
    console: join(folder, `${description.name}.console.gz`),
    description: join(folder, `${description.name}.json`),
  };
  const contents: readonly (readonly [string, Uint8Array])[] = [
    [files.log, await packed(log, { level: 9 })],
    [files.console, await packed(console, { level: 9 })],
    [files.description, Buffer.from(`${JSON.stringify(description, null, 2)}\n`)],
  ];
  await prepareFolder(folder);
  const unfinished = (path: string): string => `${path}.unfinished`;
  try {
    for (const [path, content] of contents) await writeFile(unfinished(path), content);
    for (const [path] of contents) await rename(unfinished(path), path);
  } catch (error) {
    throw fileError(folder, error);
  } finally {
    for (const [path] of contents) await rm(unfinished(path), { force: true });
  }
  return files;
}

/**
 * Makes the folder, and tries whether a file can be written there.
 * @throws CaptureError where not
 */
export async function prepareFolder(folder: string): Promise<void> {
  const trial = join(folder, '.spapr-dma-capture');
  try {
    await makeFolder(folder);
    await writeFile(trial, 'x');
    await rm(trial);
  } catch (error) {
    throw fileError(folder, error);
  }
}
