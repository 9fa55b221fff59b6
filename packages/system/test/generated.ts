import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file of the repository, by its path from the root. */
export const fileAt = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

/** What a generated file holds; with UPDATE it is written first. */
export function generatedAt(path: string, content: string): string {
  const file = fileAt(path);
  if (process.env.UPDATE !== undefined) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
