import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalText } from '../src/canonical-text.ts';

test.each`
  case                             | value                                           | text
  ${'a string with a quote'}       | ${'say "1"'}                                    | ${'"say \\"1\\""'}
  ${'a number'}                    | ${1.5}                                          | ${'1.5'}
  ${'what JSON has no number for'} | ${[Number.NaN, -Infinity]}                      | ${'[NaN,-Infinity]'}
  ${'a bigint'}                    | ${0x10n}                                        | ${'16n'}
  ${'nothing'}                     | ${[null, undefined]}                            | ${'[null,undefined]'}
  ${'keys in any order'}           | ${{ b: 1, a: true }}                            | ${'{"a":true,"b":1}'}
  ${'a field that is undefined'}   | ${{ a: undefined, b: 1 }}                       | ${'{"b":1}'}
  ${'an object without prototype'} | ${Object.assign(Object.create(null), { a: 1 })} | ${'{"a":1}'}
  ${'a typed array'}               | ${{ a: Int32Array.of(1, -2) }}                  | ${'{"a":Int32Array[1,-2]}'}
  ${'64-bit numbers'}              | ${BigUint64Array.of(1n)}                        | ${'BigUint64Array[1]'}
`('$case → $text', ({ value, text }) => {
  expect(canonicalText(value)).toBe(text);
});

test.each`
  one                    | other
  ${1}                   | ${1n}
  ${1}                   | ${'1'}
  ${'1n'}                | ${1n}
  ${0}                   | ${-0}
  ${null}                | ${'null'}
  ${[]}                  | ${{}}
  ${[1, [2]]}            | ${[[1], 2]}
  ${[undefined]}         | ${[]}
  ${{ 0: 'a' }}          | ${['a']}
  ${{ a: 1, b: 2 }}      | ${{ 'a":1,"b': 2 }}
  ${Uint8Array.of(1)}    | ${Int32Array.of(1)}
  ${Uint8Array.of(1, 2)} | ${[1, 2]}
`('$one and $other are told apart', ({ one, other }) => {
  expect(canonicalText(one)).not.toBe(canonicalText(other));
});

class Table extends Uint8Array {}

test.each`
  what                       | value                               | place                | kind
  ${'a Map'}                 | ${{ a: [0, new Map()] }}            | ${'the value.a[1]'}  | ${'an instance of Map'}
  ${'a Set'}                 | ${new Set()}                        | ${'the value'}       | ${'an instance of Set'}
  ${'a class instance'}      | ${[{ at: new Date(0) }]}            | ${'the value[0].at'} | ${'an instance of Date'}
  ${'a typed array’s child'} | ${{ table: new Table(1) }}          | ${'the value.table'} | ${'an instance of Table'}
  ${'a view of bytes'}       | ${new DataView(new ArrayBuffer(1))} | ${'the value'}       | ${'an instance of DataView'}
  ${'a function'}            | ${{ a: { f: () => 0 } }}            | ${'the value.a.f'}   | ${'a function'}
  ${'a symbol'}              | ${[Symbol('a')]}                    | ${'the value[0]'}    | ${'a symbol'}
  ${'a symbol for a key'}    | ${{ a: { [Symbol('a')]: 1 } }}      | ${'the value.a'}     | ${'an object with a symbol for a key'}
  ${'an unnamed class'}      | ${Object.create({ a: 1 })}          | ${'the value'}       | ${'an instance of Object'}
`('$what is refused by its place', ({ value, place, kind }) => {
  const refusal = new TypeError(`${place} is ${kind}, which is not plain data`);
  expect(() => canonicalText(value)).toThrow(refusal);
  expect(() => canonicalText(value, new WeakMap())).toThrow(refusal);
});

const anyPlain: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium' },
    fc.string(),
    fc.double(),
    fc.bigInt(),
    fc.boolean(),
    fc.constantFrom(null, undefined),
    fc.uint8Array(),
    fc.array(tie('value')),
    fc.dictionary(fc.string(), tie('value')),
  ),
})).value;

/** The same with the keys of each object the other way round, and nothing shared. */
function mirrored(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(mirrored);
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, part]) => [key, mirrored(part)]),
  );
}

test('the order in which the keys of any data were written makes no difference', () => {
  fc.assert(
    fc.property(anyPlain, (value) => {
      expect(canonicalText(mirrored(value))).toBe(canonicalText(value));
    }),
  );
});

test('remembered texts are those that are written anew, also of data that shares parts with earlier data', () => {
  fc.assert(
    fc.property(fc.array(anyPlain, { minLength: 1 }), (parts) => {
      const known = new WeakMap();
      for (let from = 0; from < parts.length; from += 1) {
        const value = { parts: parts.slice(from), first: parts[0], again: parts };
        expect(canonicalText(value, known)).toBe(canonicalText(value));
      }
    }),
  );
});

test('a part that was met before is not walked again', () => {
  const known = new WeakMap();
  let walks = 0;
  const part = Object.defineProperty({ text: 'x'.repeat(200) }, 'counted', {
    enumerable: true,
    get: () => {
      walks += 1;
      return walks;
    },
  });
  const first = canonicalText({ part }, known);
  expect(canonicalText({ other: 1, part }, known)).toContain(first.slice(1, -1));
  expect(walks).toBe(1);
});
