import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { exampleOutput } from '../../../readme.base.ts';
import { guestKernelMachine } from '../src/index.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

test('the README names every message that the guest takes', () => {
  const named = (event: string) =>
    event.startsWith('vfio-') ? readme.includes('`vfio-…`') : readme.includes(`\`${event}\``);
  const { events } = guestKernelMachine({ vcpus: 1 });
  expect(events.filter((event) => event !== '*' && !named(event))).toEqual([]);
});

test('the README’s example prints what it says', async () => {
  const { shown, printed } = await exampleOutput();
  expect(printed).toBe(shown);
});
