import { spawnSync } from 'node:child_process';

/** The program. */
export const QEMU = 'qemu-system-ppc64';

/** Older machine versions have no dynamic DMA windows to speak of, and nobody starts them any more. */
const OLDEST = [2, 5] as const;

/** What QEMU says when asked; null where there is no such command. */
function said(...args: readonly string[]): string | null {
  const { status, stdout } = spawnSync(QEMU, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return status === 0 ? stdout : null;
}

let version: string | null | undefined;

/** The version's number, as in 7.2.22. Asked for once. */
function foundVersion(): string | null {
  version ??= /version (\d+(?:\.\d+)*)/.exec(said('--version') ?? '')?.[1] ?? null;
  return version;
}

/** What is missing to run a QEMU here, and what to do about it, as a sentence; null where nothing is. */
export function qemuLacks(): string | null {
  if (foundVersion() !== null) return null;
  return `there is no command ${QEMU}: install the Debian package qemu-system-ppc`;
}

/**
 * The version of QEMU that is installed, as in 7.2.22.
 * @throws Error where none is
 */
export function qemuVersion(): string {
  const found = foundVersion();
  if (found === null) throw new Error(qemuLacks() ?? 'there is no QEMU');
  return found;
}

/** The name of a machine that `-M` takes. */
export type MachineVersion = `pseries-${number}.${number}`;

/**
 * The pseries machines of the QEMU that is installed, from pseries-2.5 on, oldest first.
 * @throws Error where no QEMU is
 */
export function machineVersions(): readonly MachineVersion[] {
  const listed = said('-M', 'help');
  if (listed === null) throw new Error(qemuLacks() ?? `${QEMU} does not list its machines`);
  return [...listed.matchAll(/^pseries-(\d+)\.(\d+) /gm)]
    .map(([, major, minor]) => [Number(major), Number(minor)] as const)
    .filter(([major, minor]) => major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]))
    .sort((a, b) => a[0] - b[0] || a[1] - b[1])
    .map(([major, minor]): MachineVersion => `pseries-${major}.${minor}`);
}
