import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What a generated file of the repository holds; with UPDATE it is written first. */
export function generatedAt(path: string, content: string): string {
  const file = fileURLToPath(new URL(`../../../../${path}`, import.meta.url));
  if (process.env.UPDATE !== undefined) writeFileSync(file, content);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
