import { expect, test } from 'vitest';
import { exampleOutput } from '../../../readme.base.ts';

test('the README’s example prints what it says', async () => {
  const { shown, printed } = await exampleOutput();
  expect(printed).toBe(shown);
});
