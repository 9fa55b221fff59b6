/** A difference between a real QEMU and the specification that is no more. */
export interface Mended {
  /** What QEMU does, and was specified otherwise. */
  readonly text: string;
  /** On which side it was mended: in the specification, or in what makes and compares calls. QEMU is never wrong here. */
  readonly side: 'specification' | 'comparison';
  /** Where it stands now, relative to the root. */
  readonly file: string;
}

/** What comparing with a running QEMU has found so far, in the order of finding. */
export const MENDED: readonly Mended[] = [
  {
    text: 'A PHB with devices behind it is unplugged when asked to, and takes them along. It was said to be refused.',
    side: 'specification',
    file: 'packages/qemu-spapr/src/device-del.ts',
  },
  {
    text: 'A function other than 0 is not plugged once function 0 is there; unplugging function 0 asks for all functions of the slot, and only function 0 tells the guest.',
    side: 'specification',
    file: 'packages/qemu-spapr/src/device-add.ts',
  },
  {
    text: 'A function other than 0 moves nothing until function 0 of its slot is there; one that is plugged where one is ends QEMU.',
    side: 'specification',
    file: 'packages/qemu-spapr/src/device-add.ts',
  },
  {
    text: 'Machines up to pseries-3.1 have no connectors for PHBs: none is plugged or unplugged, and calls about their connectors are refused.',
    side: 'specification',
    file: 'packages/qemu-spapr/src/config.ts',
  },
  {
    text: 'PHBs are saved and loaded in the order of their making. After one was unplugged that was not made last, another QEMU refuses the stream: such a guest cannot be migrated any more.',
    side: 'specification',
    file: 'packages/qemu-spapr/src/post-load.ts',
  },
  {
    text: 'Connectors travel in the stream of a migration.',
    side: 'specification',
    file: 'packages/qemu-spapr/src/migrate.ts',
  },
  {
    text: 'A machine that got the memory of one that had ended within a batch of calls made that batch once more.',
    side: 'comparison',
    file: 'packages/live/src/machine/live-machine.ts',
  },
  {
    text: 'What a device holds was looked at through a window whose page shift is above 63, or whose address is not aligned, and did not come through.',
    side: 'comparison',
    file: 'packages/live/src/machine/windows.ts',
  },
  {
    text: 'Bytes that were dropped, and equal a mark by chance or were overwritten by a later part of the same transfer, were told as moved.',
    side: 'comparison',
    file: 'packages/live/src/machine/pieces.ts',
  },
];
