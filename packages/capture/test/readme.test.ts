import { expect, test } from 'vitest';
import { exampleOutput } from '../../../readme.base.ts';

test('the example of the README prints what the README shows', async () => {
  const { shown, printed } = await exampleOutput();
  expect(printed).toBe(shown);
});
