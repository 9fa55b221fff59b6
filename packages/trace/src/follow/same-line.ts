import type { TraceEvent } from '@spapr-dma/protocol';

/** Would QEMU have logged this line, with these values? A new table's fd is the host's business. */
export function sameLine(expected: TraceEvent, seen: TraceEvent): boolean {
  switch (expected.event) {
    // The calls first and by hand: they are most of a log.
    case 'spapr_iommu_put':
      return (
        seen.event === expected.event &&
        expected.ret === seen.ret &&
        expected.ioba === seen.ioba &&
        expected.tce === seen.tce &&
        expected.liobn === seen.liobn
      );
    case 'spapr_iommu_stuff':
      return (
        seen.event === expected.event &&
        expected.ret === seen.ret &&
        expected.ioba === seen.ioba &&
        expected.tcevalue === seen.tcevalue &&
        expected.npages === seen.npages &&
        expected.liobn === seen.liobn
      );
    case 'spapr_iommu_new_table':
      return seen.event === expected.event && expected.liobn === seen.liobn;
    default:
      return sameFields(expected, seen);
  }
}

function sameFields(expected: TraceEvent, seen: TraceEvent): boolean {
  const values = seen as unknown as Readonly<Record<string, unknown>>;
  return Object.entries(expected).every(([field, value]) => values[field] === value);
}

/** A line in words, for the report of a divergence. */
export function lineText(line: TraceEvent): string {
  const parts = Object.entries(line)
    .filter(([field]) => field !== 'event')
    .map(([field, value]) => `${field}=${typeof value === 'bigint' ? `0x${value.toString(16)}` : value}`);
  return `${line.event} ${parts.join(' ')}`;
}
