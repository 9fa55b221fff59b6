import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { type FollowOptions, type FollowReport, followLog } from '../../src/index.ts';

const folder = new URL('../../../../traces/', import.meta.url);

/** Names of the recordings, without `.log.gz`. */
export const recordings: readonly string[] = readdirSync(folder)
  .filter((file) => file.endsWith('.log.gz'))
  .map((file) => file.replace('.log.gz', ''))
  .sort();

export const pathOf = (name: string): string => fileURLToPath(new URL(`${name}.log.gz`, folder));
export const bytesOf = (name: string): Buffer => gunzipSync(readFileSync(pathOf(name)));

/** Lines of a recording, without their newlines. */
export const linesOf = (name: string): readonly string[] =>
  bytesOf(name).toString('latin1').trimEnd().split('\n');

export async function* chunked(...chunks: readonly (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

/** Follows lines made by hand. */
export const followed = (lines: readonly string[], options: FollowOptions = {}): Promise<FollowReport> =>
  followLog(chunked(lines.map((line) => `${line}\n`).join('')), options);

/** Follows lines that are accepted, or says where they are not. */
export async function accepted(lines: readonly string[], options: FollowOptions = {}): Promise<FollowReport> {
  const report = await followed(lines, options);
  expect(report.error ?? report.divergence).toBeNull();
  expect(report).toMatchObject({ accepted: true, lines: lines.length });
  return report;
}

/** The line, from 1, at which log and specification part. */
export async function refusedAt(lines: readonly string[], options: FollowOptions = {}): Promise<number> {
  const report = await followed(lines, options);
  expect(report.error).toBeNull();
  expect(report.divergence, 'the log is accepted').not.toBeNull();
  return report.divergence!.line;
}

/** The findings of one kind. */
export const found = ({ findings }: FollowReport, kind: string) =>
  findings.filter((finding) => finding.kind === kind);
