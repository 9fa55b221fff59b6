import { Command, InvalidArgumentError, Option } from 'commander';
import { bytesOf } from '../text/byte-size.js';

/** Pages that a guest may ask for, by what one types. */
export const ddwPages = { none: null, '4K': 12, '64K': 16, '2M': 21, '16M': 24 } as const;
export const hostPages = { '4K': 12, '64K': 16 } as const;
export const bridges = ['PHB3', 'PHB4', 'PHB5'] as const;
export const iommuTypes = ['v1', 'v2'] as const;

/** `spapr-dma size` */
export interface SizeCall {
  readonly verb: 'size';
  /** Bytes. */
  readonly ram: bigint;
  readonly maxmem: bigint | null;
  readonly groups: number;
  readonly ddw: keyof typeof ddwPages;
  /** Bytes; null for what Linux asks for. */
  readonly ddwSize: bigint | null;
  readonly hostPage: keyof typeof hostPages;
  readonly phb: (typeof bridges)[number];
  readonly iommu: (typeof iommuTypes)[number];
  readonly kvm: boolean;
  /** Bytes; null where none was given. */
  readonly memlock: bigint | null;
  readonly preset: string;
}

/** No machine has more memory than this: 2^50 bytes. */
const ramMax = 1n << 50n;
const groupsMax = 64;

function size(text: string): bigint {
  const value = bytesOf(text);
  if (value === null) throw new InvalidArgumentError('It is a number of bytes such as 512M or 64G.');
  if (value > ramMax) throw new InvalidArgumentError('It is more than 1P.');
  return value;
}

function memory(text: string): bigint {
  const value = size(text);
  if (value === 0n || value % 0x10_0000n !== 0n) throw new InvalidArgumentError('It is not a number of MiB.');
  return value;
}

function powerOfTwo(text: string): bigint {
  const value = size(text);
  if (value < 0x1000n || (value & (value - 1n)) !== 0n) {
    throw new InvalidArgumentError('It is no power of two of 4K or more.');
  }
  return value;
}

function groups(text: string): number {
  const value = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > groupsMax) throw new InvalidArgumentError(`It is not 1 to ${groupsMax}.`);
  return value;
}

export function sizeCommand(accept: (call: SizeCall) => void): Command {
  return new Command('size')
    .summary('what a planned passthrough guest locks, and what fails first')
    .description(
      'Starts a guest that is planned, lets it make its windows, and prints the memory that its QEMU locks: guest memory, ' +
        "the host's tables with their userspace views, and KVM's tables. With them the RLIMIT_MEMLOCK that is just enough, the " +
        'levels that the host accepts for each window, and what gives way first where the limit is too low.',
    )
    .addOption(new Option('--ram <size>', "the guest's memory").argParser(memory).makeOptionMandatory())
    .addOption(new Option('--maxmem <size>', 'what it can grow to by hotplug').argParser(memory))
    .addOption(
      new Option('--groups <n>', 'IOMMU groups that are passed through, behind one PHB of the guest')
        .argParser(groups)
        .default(1),
    )
    .addOption(
      new Option('--ddw <page>', 'page size of the dynamic window')
        .choices(Object.keys(ddwPages))
        .default('64K'),
    )
    .addOption(
      new Option(
        '--ddw-size <size>',
        'its size; without it the power of two that holds all memory',
      ).argParser(powerOfTwo),
    )
    .addOption(
      new Option('--host-page <page>', "pages of the host's kernel")
        .choices(Object.keys(hostPages))
        .default('64K'),
    )
    .addOption(new Option('--phb <kind>', "the host's bridges").choices(bridges).default('PHB4'))
    .addOption(
      new Option('--iommu <type>', "which of VFIO's interfaces QEMU uses").choices(iommuTypes).default('v2'),
    )
    .option('--no-kvm', 'a guest without KVM')
    .addOption(new Option('--memlock <size>', 'a limit to try').argParser(size))
    .option('--preset <name>', 'which software', 'newest')
    .option('--json', 'print one JSON document and nothing else')
    .addHelpText(
      'after',
      `
Examples:
  spapr-dma size --ram 64G --groups 2 --ddw 64K --host-page 64K
  spapr-dma size --ram 512M --maxmem 1G --memlock 530496K

Sizes are in powers of 1024: K, M, G, T. Status: 0 nothing fails with --memlock, or none was given; 1 something
does; 2 the call is unusable.`,
    )
    .action((options: Omit<SizeCall, 'verb' | 'maxmem' | 'ddwSize' | 'memlock'> & Partial<SizeCall>) =>
      accept({
        ...options,
        verb: 'size',
        maxmem: options.maxmem ?? null,
        ddwSize: options.ddwSize ?? null,
        memlock: options.memlock ?? null,
      }),
    );
}
