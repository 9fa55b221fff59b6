import { createHash } from 'node:crypto';
import { tableOf, tceIndexAt } from '@spapr-dma/qemu-spapr';
import { expect, test } from 'vitest';
import { generated, PLACES, RAM_MB, written } from './generated.ts';

function hashOf(seed: number, count: number): string {
  const hash = createHash('sha256');
  for (const { call } of generated(seed, count)) hash.update(written(call));
  return hash.digest('hex');
}

test('the same seed makes the same calls, another one makes others', () => {
  const first = hashOf(1, 10_000);
  expect(hashOf(1, 10_000)).toBe(first);
  expect(hashOf(2, 10_000)).not.toBe(first);
});

test('nearly all calls are hypercalls', () => {
  const kinds: Record<string, number> = { hcall: 0, rtas: 0, dma: 0, monitor: 0 };
  for (const { call } of generated(3, 20_000)) kinds[call.kind] = (kinds[call.kind] ?? 0) + 1;
  expect(kinds.hcall).toBeGreaterThan(19_000);
  expect(kinds.rtas).toBeGreaterThan(300);
  expect(kinds.dma).toBeGreaterThan(50);
  expect(kinds.monitor).toBeGreaterThan(10);
});

test('no device reaches memory that is reserved, and lists lie where they may', () => {
  const [reserved] = PLACES.reserved;
  const { lists } = PLACES;
  const memoryBytes = BigInt(RAM_MB) << 20n;
  let reached = 0;
  for (const { call, answer } of generated(4, 10_000, { shares: { dma: 0.02 } })) {
    if (answer.kind === 'dma') {
      for (const { gpa, bytes } of answer.pieces) {
        if (gpa === null) continue;
        reached++;
        const isApart = gpa + BigInt(bytes) <= reserved!.start || gpa >= reserved!.start + reserved!.bytes;
        expect(isApart).toBe(true);
      }
    }
    if (call.kind === 'hcall' && call.list.length > 0) {
      const [, , address = 0n] = call.args;
      const end = address + BigInt(call.list.length) * 8n;
      const isInArea = address >= lists.start && end <= lists.start + lists.bytes;
      const isInLastPage = address >= memoryBytes - 0x1000n && end <= memoryBytes;
      expect(isInArea || isInLastPage).toBe(true);
    }
  }
  expect(reached).toBeGreaterThan(20);
});

test('no call is longer for either side than it has to be', () => {
  let entries = 0;
  for (const { call, before } of generated(5, 20_000)) {
    if (call.kind !== 'hcall' || call.op !== 'H_STUFF_TCE') continue;
    const [liobn = 0n, ioba = 0n, , npages = 0n] = call.args;
    const table = tableOf(before, liobn);
    const first = table?.mode === 'enabled' ? tceIndexAt(table, ioba) : undefined;
    if (table?.mode !== 'enabled' || first === undefined || npages > BigInt(table.nbTable)) continue;
    entries += Math.min(Number(npages), table.nbTable - first);
  }
  expect(entries).toBeLessThan(20_000 * 64);
});
