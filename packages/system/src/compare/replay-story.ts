import { INDIRECT_TCES_MAX } from '@spapr-dma/protocol';
import { readStory } from '../story/read-story.js';
import type { Story } from '../story/story.js';
import type { Fill, ReplayRequest, ReplaySituation } from './replay-request.js';

/** Pages of the window, and of guest memory: 64K. */
export const PAGE_SHIFT = 16;
const PAGE = 1n << BigInt(PAGE_SHIFT);
/** How far apart the entries of a sparse table are: what one bit of the bitmap of 2019 would stand for. */
const STRETCH = 1n << 28n;
/** Entries of a sparse table at most: one in each stretch of the smallest window that is compared by default. */
const SPARSE_MAX = 16n;

/** The window takes the place of the default one, so that no other window's replay is in the figures. */
const LIOBN = '0x80000000';
const HOST_DEVICE = '0000:01:00.0';

const hex = (value: bigint): string => `0x${value.toString(16)}`;
const smallest = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** A TCE that lets devices read and write a page of guest memory. */
const tceOf = (page: bigint): string => hex((page * PAGE) | 3n);

/** One entry at the start of each 256 MiB of the window, for page after page of guest memory. */
function sparse(windowBytes: bigint, pages: bigint): readonly object[] {
  const count = smallest(windowBytes / STRETCH, SPARSE_MAX);
  return Array.from({ length: Number(count) }, (_, at) => ({
    do: 'H_PUT_TCE',
    liobn: LIOBN,
    ioba: hex(BigInt(at) * STRETCH),
    tce: tceOf(BigInt(at) % pages),
  }));
}

/** All of guest memory from the window's start on, as Linux maps it for 64-bit devices, list by list. */
function dense(entries: bigint, pages: bigint): readonly object[] {
  const count = smallest(entries, pages);
  const lists: object[] = [];
  for (let first = 0n; first < count; first += BigInt(INDIRECT_TCES_MAX)) {
    const length = Number(smallest(BigInt(INDIRECT_TCES_MAX), count - first));
    const tces = Array.from({ length }, (_, at) => tceOf(first + BigInt(at)));
    lists.push({ do: 'H_PUT_TCE_INDIRECT', liobn: LIOBN, ioba: hex(first * PAGE), tces });
  }
  return lists;
}

function filling(fill: Fill, entryShift: number, ram: bigint): readonly object[] {
  const entries = 1n << BigInt(entryShift);
  const pages = ram / PAGE;
  switch (fill) {
    case 'empty':
      return [];
    case 'sparse':
      return sparse(entries * PAGE, pages);
    case 'dense':
      return dense(entries, pages);
  }
}

/**
 * A machine whose guest gives its default window up for one of the given size and maps through it, with a device
 * that is passed through from the start or afterwards.
 */
export function replayStory(
  { preset, ram }: Pick<ReplayRequest, 'preset' | 'ram'>,
  situation: ReplaySituation,
  entryShift: number,
  fill: Fill,
): Story {
  const emulated = { id: 'emulated', phb: 0, devfn: 8 };
  const passedThrough = { id: 'passed-through', phb: 0, devfn: 16, host: HOST_DEVICE, group: 0 };
  const isThere = situation === 'create';
  const text = JSON.stringify({
    id: `replay-${situation}`,
    title: 'Policies side by side',
    shows: 'What a replay costs.',
    presets: [preset],
    machine: {
      guest: false,
      kvm: true,
      ram: hex(ram),
      hotplugMax: 'none',
      host: { phbs: [{ phb: 0, generation: 'PHB4', devices: [{ device: HOST_DEVICE }] }] },
      devices: isThere ? [emulated, passedThrough] : [emulated],
    },
    script: [
      { do: 'system_reset' },
      { do: 'ibm,remove-pe-dma-window', liobn: LIOBN },
      {
        do: 'ibm,create-pe-dma-window',
        phb: 0,
        pageShift: PAGE_SHIFT,
        windowShift: entryShift + PAGE_SHIFT,
      },
      ...filling(fill, entryShift, ram),
      ...(isThere ? [] : [{ do: 'device_add-vfio', ...passedThrough }]),
    ],
    holds: [],
  });
  return readStory(text, 'compare');
}
