import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { env, execPath } from 'node:process';
import { expect, test } from 'vitest';
import { listPresets, presetNames } from '../src/presets.ts';
import { PROPERTIES } from '../src/properties/index.ts';
import { SETTINGS } from '../src/settings.ts';
import { fileAt } from './generated.ts';

const file = fileAt('packages/system/README.md');

/** A table in Markdown. */
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');

/** The generated part of the README behind the line that says from what; with UPDATE it is written first. */
function generatedPart(from: string, content: string): string {
  const readme = readFileSync(file, 'utf8');
  const begin = readme.indexOf('\n', readme.indexOf(`<!-- Generated from ${from} `)) + 1;
  const end = readme.indexOf('<!-- end -->', begin);
  if (env.UPDATE !== undefined) writeFileSync(file, readme.slice(0, begin) + content + readme.slice(end));
  return env.UPDATE === undefined ? readme.slice(begin, end) : content;
}

test('the README lists the properties, with what a run must have met', () => {
  const rows = PROPERTIES.map(({ name, title, sometimes }) => [name, title, sometimes]);
  const content = table(['property', 'always', 'says something where'], rows);
  expect(generatedPart('src/properties', content)).toBe(content);
});

test('the README lists the settings, with their value in each preset', () => {
  const presets = listPresets().filter(({ name }) => presetNames.includes(name));
  const rows = SETTINGS.map(({ name, text, source }) => [
    `\`${name}\``,
    text,
    source,
    ...presets.map(({ settings }) => settings[name]!),
  ]);
  const content = table(['setting', 'what it is about', 'source', ...presetNames], rows);
  expect(generatedPart('src/settings.ts', content)).toBe(content);
});

test('the README’s example prints what it says', () => {
  const [, program, shown] = /```js\n(.*?)```\n\n```text\n(.*?)```/s.exec(readFileSync(file, 'utf8')) ?? [];
  // Whoever runs the tests may ask for colours.
  const { FORCE_COLOR: _, ...plain } = env;
  const printed = execFileSync(execPath, ['--input-type=module', '-e', program!], {
    cwd: fileAt('packages/system'),
    env: { ...plain, NO_COLOR: '1' },
    encoding: 'utf8',
  });
  expect(printed).toBe(shown);
});
