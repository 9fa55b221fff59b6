import { expect, test } from 'vitest';
import { exampleOutput } from '../../../readme.base.ts';
import { qemuLacks } from '../src/lacks.ts';

const lacks = qemuLacks();

test.skipIf(lacks !== null)(
  `the README’s example prints what it says${lacks === null ? '' : ` (skipped: ${lacks})`}`,
  async () => {
    const { shown, printed } = await exampleOutput();
    expect(printed).toBe(shown);
  },
);
