import { type Bytes, bytes, type HostPageShift, hostPageShift } from '@spapr-dma/protocol';
import { InputError } from '../input.js';
import type { RecordingRow } from './row.js';

/** Versions of Linux that recordings are held against. */
export type RecordedLinux = 'linux-6.12' | 'linux-7.2';
export type RecordedPhb = 'PHB3' | 'PHB4' | 'PHB5';

/** What a recording's fields tell of the host. */
export interface RecordedPlatform {
  readonly linux: RecordedLinux;
  readonly hostPageShift: HostPageShift;
  readonly phb: RecordedPhb;
  readonly ramBytes: Bytes;
  readonly nobypass: boolean;
}

/** The newest first. */
const VERSIONS: readonly (readonly [number, number, RecordedLinux])[] = [
  [7, 2, 'linux-7.2'],
  [6, 12, 'linux-6.12'],
];

const PHBS: Readonly<Record<string, RecordedPhb>> = {
  powernv8: 'PHB3',
  powernv9: 'PHB4',
  powernv10: 'PHB5',
};

const RAM_DEFAULT = bytes(4n << 30n);
const UNITS: Readonly<Record<string, bigint>> = { '': 20n, M: 20n, G: 30n, T: 40n };

/** The newest described version that is not newer than the kernel; null where there is none. */
function linuxOf(kernel: string): RecordedLinux | null {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(kernel)?.map(Number) ?? [];
  if (major === undefined || minor === undefined) return null;
  const version = VERSIONS.find(([ours, our]) => major > ours || (major === ours && minor >= our));
  return version?.[2] ?? null;
}

/** Debian's names end in `-64k` where pages have 64 KiB; any other kernel has pages of 4 KiB. */
const pageShiftOf = (kernel: string): HostPageShift =>
  hostPageShift(/(?:^|[^0-9a-z])64k(?:$|[^0-9a-z])/i.test(kernel) ? 16 : 12);

/** QEMU's `-m`: a number of MiB, or with a unit. */
function ramOf(option: string | undefined): Bytes | null {
  if (option === undefined) return RAM_DEFAULT;
  const [, number, unit = ''] = /^(\d{1,9})([MGT]?)$/i.exec(option) ?? [];
  const shift = UNITS[unit.toUpperCase()];
  return number === undefined || shift === undefined ? null : bytes(BigInt(number) << shift);
}

/**
 * The host that a line speaks of: the kernel's version and page size stand in `kernel`, the PHB's generation and
 * what the host was started with in `machine` ("powernv9 -m 2G iommu=nobypass").
 * @throws InputError for a kernel or a machine that is not described
 */
export function platformOf({ line, kernel, machine }: RecordingRow): RecordedPlatform {
  const wrong = (what: string): never => {
    throw new InputError(`line ${line} ${what}`, line);
  };
  const linux = linuxOf(kernel) ?? wrong(`names a kernel that is not described: ${JSON.stringify(kernel)}`);
  const [name = '', ...options] = machine.split(' ');
  const phb = Object.hasOwn(PHBS, name) ? PHBS[name] : undefined;
  if (phb === undefined) return wrong(`names a machine that is not described: ${JSON.stringify(machine)}`);
  const memory = options.indexOf('-m');
  const ramBytes =
    ramOf(memory < 0 ? undefined : (options[memory + 1] ?? '')) ??
    wrong(`names a machine with a size of memory that cannot be read: ${JSON.stringify(machine)}`);
  const nobypass = options.includes('iommu=nobypass');
  return { linux, hostPageShift: pageShiftOf(kernel), phb, ramBytes, nobypass };
}
