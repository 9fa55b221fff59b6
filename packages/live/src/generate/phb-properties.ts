import { bytes, ioba, type PhbDevice } from '@spapr-dma/protocol';
import type { Random } from './random.js';
import { Choices, type Steering } from './steering.js';

/** Page size masks: single sizes, usual sets, nothing, everything. */
const MASKS = [
  0x1000n,
  0x1_0000n,
  0x20_0000n,
  0x100_0000n,
  0x1_1000n,
  0x121_1000n,
  0x401_1000n,
  0x1101_1000n,
  0x4_1fff_f000n,
  0xffff_ffff_ffff_ffffn,
] as const;
/** Where default windows start: at pages, between pages, above 4 GiB, in the dynamic window, at the end of all. */
const STARTS = [
  0x1000n,
  0x1800n,
  0x123n,
  0x1000_0000n,
  0x1_0000_0000n,
  1n << 44n,
  1n << 59n,
  0xffff_ffff_fff0_0000n,
] as const;
/**
 * Default windows are written when the machine is reset, so none is large. 0x800 and 2^44 bytes come to 0 entries, and
 * 2^44 + 0x5000 to 5.
 */
const SIZES = [
  0x800n,
  0x1000n,
  0x2000n,
  0x1_2345n,
  0x10_0000n,
  0x1000_0000n,
  0x8000_0000n,
  1n << 44n,
  (1n << 44n) + 0x5000n,
] as const;
const DYNAMIC_STARTS = [
  0n,
  0x2000n,
  0x800n,
  0x2000_0000n,
  0x4000_0000n,
  0x1_0000_0000n,
  1n << 40n,
  1n << 63n,
  0xffff_ffff_fff0_0000n,
] as const;

type Properties = Omit<PhbDevice, 'driver' | 'index'>;

/** Sizes by which the first reset leaves the slot stuck: every later one ends QEMU. */
const isStuckAtOnce = (size: bigint): boolean => ((size >> 12n) & 0xffff_ffffn) === 0n;

/** The ways to give a PHB properties. */
export class PhbPropertyChoices {
  readonly #kinds: Choices<null, Properties>;

  constructor(steering: Steering, topic: string) {
    const size = (random: Random) => random.pick(SIZES.filter((some) => !isStuckAtOnce(some)));
    this.#kinds = new Choices<null, Properties>(steering, topic, [
      { name: 'as the machine version has it', weight: 40, make: () => ({}) },
      { name: 'other page sizes', weight: 25, make: (random) => ({ pgsz: random.pick(MASKS) }) },
      { name: 'all page sizes', weight: 10, make: () => ({ pgsz: 0xffff_ffff_ffff_ffffn }) },
      { name: 'random page sizes', weight: 4, make: (random) => ({ pgsz: random.bits64() }) },
      { name: 'without dynamic windows', weight: 8, make: () => ({ ddw: false }) },
      { name: 'with dynamic windows', weight: 6, make: () => ({ ddw: true }) },
      {
        name: 'other default window',
        weight: 12,
        make: (random) => ({ dmaWinAddr: ioba(random.pick(STARTS)), dmaWinSize: bytes(size(random)) }),
      },
      {
        name: 'other dynamic window',
        weight: 10,
        make: (random) => ({ dma64WinAddr: ioba(random.pick(DYNAMIC_STARTS)) }),
      },
      {
        name: 'dynamic window within the default one',
        weight: 6,
        make: (random) => ({
          dma64WinAddr: ioba(BigInt(random.below(0x8000)) << 12n),
          pgsz: random.pick(MASKS),
        }),
      },
      {
        name: 'everything other',
        weight: 12,
        make: (random) => ({
          pgsz: random.pick(MASKS),
          dmaWinAddr: ioba(random.pick(STARTS)),
          dmaWinSize: bytes(size(random)),
          dma64WinAddr: ioba(random.pick(DYNAMIC_STARTS)),
        }),
      },
      {
        name: 'default window without entries',
        weight: 2,
        make: (random) => ({ dmaWinSize: bytes(random.pick(SIZES.filter(isStuckAtOnce))) }),
      },
    ]);
  }

  make(random: Random, index: number): PhbDevice {
    return { driver: 'spapr-pci-host-bridge', index, ...this.#kinds.make(random, null) };
  }
}
