import { expect, test } from 'vitest';
import { exampleOutput, generatedPart } from '../../../readme.base.ts';
import { DR_STATUSES, ERRNOS, HCALL_CODES, OPAL_CODES, RTAS_STATUSES } from '../src/index.ts';

const TABLES = {
  hypercalls: HCALL_CODES,
  RTAS: RTAS_STATUSES,
  connectors: DR_STATUSES,
  ioctls: ERRNOS,
  OPAL: OPAL_CODES,
};

test('the README has all return codes', () => {
  const { shown, generated } = generatedPart('src/codes.ts', [
    '| of | codes |',
    '| --- | --- |',
    ...Object.entries(TABLES).map(
      ([of, codes]) =>
        `| ${of} | ${Object.entries(codes)
          .map(([code, number]) => `\`${code}\` ${number}`)
          .join(', ')} |`,
    ),
  ]);
  expect(shown).toBe(generated);
});

test('the README’s example prints what it says', async () => {
  const { shown, printed } = await exampleOutput();
  expect(printed).toBe(shown);
});
