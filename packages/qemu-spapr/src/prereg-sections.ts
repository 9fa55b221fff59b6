import type { Bytes } from '@spapr-dma/protocol';
import { uaOfGpa } from './guest-memory.js';
import type { QemuState, RamBlock } from './state.js';
import type { RamSection } from './vfio-state.js';

export const sectionOf = ({ gpa, bytes }: RamBlock): RamSection => ({ ua: uaOfGpa(gpa), bytes });

const endOf = ({ ua, bytes }: RamSection): bigint => ua + bytes;

/** Guest memory as a listener to it sees it, by address: blocks that are joined are one section. */
export function ramSectionsOf({ ram }: Pick<QemuState, 'ram'>): readonly RamSection[] {
  const sections: RamSection[] = [];
  for (const block of ram) {
    const section = sectionOf(block);
    const last = sections.at(-1);
    if (block.joins === true && last !== undefined && endOf(last) === section.ua) {
      sections[sections.length - 1] = { ua: last.ua, bytes: (last.bytes + section.bytes) as Bytes };
    } else sections.push(section);
  }
  return sections;
}

const piece = (from: bigint, to: bigint): RamSection => ({
  ua: from as RamSection['ua'],
  bytes: (to - from) as Bytes,
});

/** What of `of` is in none of `others`. */
function without(of: readonly RamSection[], others: readonly RamSection[]): readonly RamSection[] {
  return others.reduce<readonly RamSection[]>(
    (left, other) =>
      left.flatMap((section) => {
        if (endOf(other) <= section.ua || endOf(section) <= other.ua) return [section];
        return [
          ...(other.ua > section.ua ? [piece(section.ua, other.ua)] : []),
          ...(endOf(other) < endOf(section) ? [piece(endOf(other), endOf(section))] : []),
        ];
      }),
    of,
  );
}

/**
 * What a listener to guest memory is told where its sections change: first what went, then what came. A section
 * that was split or joined goes as a whole and comes again in its new shape, so that memory in use is to be
 * unregistered, and what overlaps it to be registered (B-45). With the switch ramSplit mended, only memory that
 * was not there comes, and a section goes with the last of its memory.
 */
export function ramChanges(
  before: readonly RamSection[],
  after: readonly RamSection[],
  ramSplit: 'unfixed' | 'fixed',
): { readonly gone: readonly RamSection[]; readonly come: readonly RamSection[] } {
  if (ramSplit === 'fixed') {
    return {
      gone: before.filter((section) => {
        const left = without([section], after);
        return left.length === 1 && left[0]?.ua === section.ua && left[0].bytes === section.bytes;
      }),
      come: without(after, before),
    };
  }
  const same = (a: RamSection) => (b: RamSection) => a.ua === b.ua && a.bytes === b.bytes;
  return {
    gone: before.filter((section) => !after.some(same(section))),
    come: after.filter((section) => !before.some(same(section))),
  };
}
