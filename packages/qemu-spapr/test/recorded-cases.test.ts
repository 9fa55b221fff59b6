import { describe, expect, test } from 'vitest';
import { running } from './machine.ts';
import { type Bench, type Compared, caseFiles, inputOf, replay } from './recorded-cases.ts';

/** How many of the observed cases stand in each file: 189 of calls, and those of a device's DMA. */
const COUNTS: Readonly<Record<string, number>> = {
  'aborts.json': 9,
  'ddw.json': 67,
  'dma.json': 42,
  'hcalls.json': 83,
  'phbs.json': 13,
  'shifts.json': 11,
  'system-reset.json': 4,
  'vio.json': 2,
};

/** What was observed and is not in the model; each says why in its file. */
const UNMODELLED = [
  'dma: bus master OFF during device read, then ON and dump',
  'dma: edu cnt=4096 (device limit, not IOMMU)',
  'indirect: negative: hcall 0x24 (H_SET_DABR?) / 0x3fc unknown',
  'sysreset: stub back after QMP system_reset, ms',
];

test('no observed case got lost', () => {
  expect(Object.fromEntries(caseFiles.map(([name, { cases }]) => [name, cases.length]))).toEqual(COUNTS);
});

test('what is not modelled is named', () => {
  const named = caseFiles.flatMap(([, { cases }]) =>
    cases.filter(({ calls }) => calls.some(({ unmodelled = '' }) => unmodelled.length > 0)),
  );
  expect(named.map(({ group, name }) => `${group}: ${name}`).sort()).toEqual(UNMODELLED);
});

for (const [file, recorded] of caseFiles) {
  describe(`what a real QEMU 7.2 answered is answered here: ${file}`, () => {
    const input = inputOf(recorded);
    // One machine goes through all cases of a file, as the real one did.
    let bench: Bench = { qemu: running(input), ram: new Map() };
    for (const { group, name, calls } of recorded.cases) {
      const compared: (Compared & { readonly call: unknown })[] = [];
      for (const call of calls.filter(({ unmodelled }) => unmodelled === undefined)) {
        const each = replay(bench, call, input);
        bench = each.after;
        compared.push({ ...each, call });
      }
      test(`${group}: ${name}`, () => {
        const seen = compared.filter(({ observed }) => observed !== undefined);
        expect(seen.length > 0 || UNMODELLED.includes(`${group}: ${name}`)).toBe(true);
        for (const { call, observed, said } of seen) expect(said, JSON.stringify(call)).toEqual(observed);
      });
    }
  });
}
