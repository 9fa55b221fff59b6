import { expect, test } from 'vitest';
import { runStory } from '../src/story/run-story.ts';
import { storyOf } from './systems.ts';

const KB_PER_WINDOW = 0x8000_0000 / 1024;
const RAM_KB = 0x1_0000_0000 / 1024;
/** A v1 container makes its window with its first mapping: a table of 2^19 entries and their userspace view. */
const V1_TABLE_KB = (2 * 8 * 2 ** 19) / 1024;
/** A v2 container makes the window of the guest: a table of 2^18 entries and their userspace view, for all groups. */
const V2_TABLE_KB = (2 * 8 * 2 ** 18) / 1024;

/** A guest of 4 GiB with so many functions, each a group of its own, that has mapped one page. */
function lockedKb(groups: number, iommuType: string): number | undefined {
  const numbers = Array.from({ length: groups }, (_, at) => at + 1);
  const story = storyOf({
    machine: {
      guest: false,
      kvm: true,
      ram: '0x100000000',
      hotplugMax: 'none',
      host: { phbs: numbers.map((phb) => ({ phb, devices: [{ device: `000${phb}:01:00.0` }] })) },
    },
    script: [
      { do: 'system_reset' },
      ...numbers.map((phb) => ({
        do: 'device_add-vfio',
        id: `function${phb}`,
        phb: 0,
        devfn: phb * 8,
        host: `000${phb}:01:00.0`,
        group: phb - 1,
      })),
      { do: 'H_PUT_TCE', liobn: '0x80000000', ioba: '0x1000', tce: '0x50003' },
    ],
  });
  const { host, properties } = runStory(story, {
    preset: 'repaired',
    // A view in QEMU is charged to nobody.
    set: { iommuType, spaprTceVfio: 'false' },
  });
  expect(properties.filter(({ holds }) => !holds)).toEqual([]);
  return host?.lockedKb;
}

test.each([1, 2, 3, 4])(
  'a guest of 4 GiB with %i groups: v1 charges a window each, v2 memory once',
  (groups) => {
    expect(lockedKb(groups, 'v1')).toBe(groups * (KB_PER_WINDOW + V1_TABLE_KB));
    expect(lockedKb(groups, 'v2')).toBe(RAM_KB + V2_TABLE_KB);
  },
);
