/** Logs to measure with: the recorded ones, one of nothing but calls, and one of any length. */
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const traces = new URL('../../../traces/', import.meta.url);
const CHUNK_BYTES = 1 << 18;

export async function* inChunks(log: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < log.length; at += CHUNK_BYTES) yield log.subarray(at, at + CHUNK_BYTES);
}

export const recorded = (name: string): Buffer => gunzipSync(readFileSync(new URL(name, traces)));

export const recordedNames = (): readonly string[] =>
  readdirSync(traces)
    .filter((name) => name.endsWith('.log.gz'))
    .sort();

/**
 * A guest without dynamic windows, mapping and unmapping: of 8 lines 3 are H_PUT_TCE of a page, 3 take one
 * away, one is an H_PUT_TCE_INDIRECT of 16 and one the H_STUFF_TCE that takes those away.
 */
export function callsOnly(lines: number): Buffer {
  const text = ['spapr_iommu_new_table liobn=0x80000000 table=0x55d0 fd=-1'];
  for (let at = 0; text.length < lines; at++) {
    const page = 0x1000 * (1 + ((at * 7) % 4000));
    const batch = 0x1000000 + 0x10000 * ((at * 5) % 8000);
    for (const offset of [0, 0x4000000, 0x8000000]) {
      const ioba = (page + offset).toString(16);
      text.push(`spapr_iommu_pci_put liobn=0x80000000 ioba=0x${ioba} tce=0x${ioba.slice(0, -3)}003 ret=0`);
      text.push(`spapr_iommu_pci_put liobn=0x80000000 ioba=0x${ioba} tce=0x0 ret=0`);
    }
    text.push(
      `spapr_iommu_pci_indirect liobn=0x80000000 ioba=0x${batch.toString(16)} tcelist=0x24c4000 iobaN=0xf tceN=0x4f0f003 ret=0`,
      `spapr_iommu_pci_stuff liobn=0x80000000 ioba=0x${(batch + 0x10000).toString(16)} tcevalue=0x0 npages=16 ret=0`,
    );
  }
  return Buffer.from(`${text.slice(0, lines).join('\n')}\n`);
}

/** A recorded log whose section from one machine reset to the next is repeated until it has that many bytes. */
export async function* repeated(name: string, bytes: number): AsyncGenerator<Buffer> {
  const log = recorded(name);
  const reset = 'spapr_iommu_new_table liobn=0x80000000';
  const places: number[] = [];
  for (let at = log.indexOf(reset); at >= 0; at = log.indexOf(reset, at + 1))
    places.push(log.lastIndexOf('\n', at) + 1);
  const [, second = 0, third = 0] = places;
  yield* inChunks(log.subarray(0, second));
  const section = log.subarray(second, third);
  for (let given = 0; given < bytes; given += section.length) yield* inChunks(section);
}
