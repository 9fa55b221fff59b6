import { MSI_WINDOW_BYTES, MSI_WINDOW_START } from '@spapr-dma/protocol';
import { type QemuState, windowsOfPhb } from './state.js';
import type { Section, SectionOf, WindowSection } from './vfio-state.js';

export const isWindow = (section: Section): section is WindowSection => section.of.kind === 'window';
export const lastOf = ({ start, bytes }: Pick<Section, 'start' | 'bytes'>): bigint => start + bytes - 1n;

/** What of a section lies before and after a range, and so is still to be seen. */
function uncovered(section: Section, by: Section): readonly Section[] {
  const end = section.start + section.bytes;
  const byEnd = by.start + by.bytes;
  if (by.start >= end || section.start >= byEnd) return [section];
  return [
    { ...section, bytes: by.start > section.start ? by.start - section.start : 0n },
    {
      of: shifted(section.of, byEnd - section.start),
      start: byEnd,
      bytes: end > byEnd ? end - byEnd : 0n,
    },
  ].filter(({ bytes }) => bytes > 0n);
}

const shifted = (of: SectionOf, by: bigint): SectionOf =>
  of.kind === 'window' ? { ...of, first: of.first + by } : of;

/**
 * What the listeners of a PHB's address space see, by address. Where windows overlap, that of slot 1 hides
 * that of slot 0, and each hides the interrupts' range.
 * @see [QEMU] hw/ppc/spapr_pci.c: spapr_phb_realize; softmmu/memory.c: render_memory_region
 */
export function sectionsOf(qemu: QemuState, phb: number): readonly Section[] {
  const windows = windowsOfPhb(qemu, phb).map(
    ({ liobn, pageShift, region: { start, bytes } }): Section => ({
      of: { kind: 'window', liobn, pageShift, first: 0n },
      start,
      bytes,
    }),
  );
  const msi: Section = { of: { kind: 'msi' }, start: MSI_WINDOW_START, bytes: MSI_WINDOW_BYTES };
  const seen: Section[] = [];
  for (const section of [...windows.reverse(), msi]) {
    const pieces = seen.reduce<readonly Section[]>(
      (left, above) => left.flatMap((piece) => uncovered(piece, above)),
      section.bytes > 0n ? [section] : [],
    );
    seen.push(...pieces);
  }
  return seen.sort((a, b) => (a.start < b.start ? -1 : 1));
}

const same = (a: Section, b: Section): boolean =>
  a.start === b.start &&
  a.bytes === b.bytes &&
  (isWindow(a) && isWindow(b) ? a.of.liobn === b.of.liobn : a.of.kind === b.of.kind);

/** What listeners are told after a change: first what went, then what came, each by address. */
export function sectionChanges(
  before: readonly Section[],
  after: readonly Section[],
): { readonly gone: readonly Section[]; readonly come: readonly Section[] } {
  return {
    gone: before.filter((old) => !after.some((now) => same(old, now))),
    come: after.filter((now) => !before.some((old) => same(old, now))),
  };
}
