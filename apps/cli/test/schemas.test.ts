import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { schemas } from './support/documents.ts';

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
}

/** Every object with named fields that a schema describes, at any depth. */
function objectsIn(schema: unknown): Schema[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { type, properties } = schema as Schema;
  const own = type === 'object' && properties !== undefined ? [schema as Schema] : [];
  return [...own, ...Object.values(schema).flatMap(objectsIn)];
}

test.each([...schemas])('the schema %s stands alone, and no field may be left out or added', (_, schema) => {
  expect(schema).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema' });
  new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);
  for (const object of objectsIn(schema)) {
    expect(object.required).toEqual(Object.keys(object.properties ?? {}));
    expect(object.additionalProperties).toBe(false);
  }
});
