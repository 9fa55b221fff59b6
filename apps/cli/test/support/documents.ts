import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'vitest';
import type { Ended } from './command.ts';

const folder = new URL('../../schemas/', import.meta.url);

export const schemas: ReadonlyMap<string, object> = new Map(
  readdirSync(folder).map((file) => [
    file.replace('.json', ''),
    JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as object,
  ]),
);

const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true });
const validators = new Map([...schemas].map(([name, schema]) => [name, ajv.compile(schema)]));

/** The one document on standard output, which its schema must allow. */
export function documentOf<Document = Record<string, unknown>>(schema: string, { stdout }: Ended): Document {
  const document: unknown = JSON.parse(stdout);
  const validate = validators.get(schema);
  if (validate === undefined) throw new Error(`there is no schema ${schema}`);
  validate(document);
  expect(validate.errors ?? []).toEqual([]);
  return document as Document;
}

/** Status 2, and one sentence for a person: no stack, nothing else. */
export function expectRefusal({ status, stderr }: Ended, sentence: string | RegExp = ''): void {
  expect(stderr).toMatch(/^spapr-dma: [^\n]{3,1200}[.!?]\n$/);
  expect(stderr).not.toMatch(/ {4}at |node:internal|undefined|\[object/);
  expect(stderr).not.toContain('mistake in spapr-dma');
  if (sentence !== '') expect(stderr).toMatch(sentence);
  expect(status).toBe(2);
}
