import { expect, test } from 'vitest';
import { exampleOutput, generatedPart } from '../../../readme.base.ts';
import { IOCTL_PLACES, type PlaceInfo, RCU_PLACES, VCPU_PLACES } from '../src/index.ts';

const rows = (who: string, places: Readonly<Record<string, PlaceInfo>>): readonly string[] =>
  Object.entries(places).map(([place, { awaits }]) => `| ${who} | \`${place}\` | \`${awaits}\` |`);

test('the README says where a thread waits, and for what', () => {
  const { shown, generated } = generatedPart('src/places.ts', [
    '| thread | place | waits for |',
    '| --- | --- | --- |',
    ...rows('vCPU', VCPU_PLACES),
    ...rows('system call', IOCTL_PLACES),
    ...rows('RCU', RCU_PLACES),
  ]);
  expect(shown).toBe(generated);
});

test('the README’s example prints what it says', async () => {
  const { shown, printed } = await exampleOutput();
  expect(printed).toBe(shown);
});
