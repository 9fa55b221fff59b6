import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { followLog, openInput } from '../src/index.js';

const traces = fileURLToPath(new URL('../../../traces/', import.meta.url));
const logs = readdirSync(traces).filter((name) => name.endsWith('.log.gz'));

test.each(logs)('%s is followed with the same report the short way and the long way', async (name) => {
  const short = await followLog(openInput(`${traces}${name}`));
  const long = await followLog(openInput(`${traces}${name}`), { plain: true });
  expect(long).toEqual(short);
  expect(short.lines).toBeGreaterThan(0);
});
