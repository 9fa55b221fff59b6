import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MachineVersion, WindowSwitches } from '@spapr-dma/qemu-spapr';
import { listSwitches, parseSettings, type Setting, SettingsError } from '@spapr-dma/system';
import { CallError } from '../call-error.js';
import { nearest } from '../text/nearest.js';
import { enumerated, excerpt, printable } from '../text/words.js';

const refuse = (message: string): never => {
  throw new CallError(`${message}; see spapr-dma live --help`, 'live');
};

/** Switches that show in a QEMU without KVM and passed-through devices, which is what is asked here. */
const SHOWN: readonly string[] = [
  'defWinClear',
  'createAddrCheck',
  'nbTruncation',
  'shiftCheck',
  'postLoadGeomCheck',
] satisfies readonly (keyof WindowSwitches)[];

/** The switches that `--set` knows here, with what they are about. */
export const shownSwitches = (): readonly Setting[] =>
  listSwitches().filter(({ name }) => SHOWN.includes(name));

/** What `--set` says. @throws CallError for a switch that does not exist or cannot show */
export function switchesOf(set: readonly string[]): Partial<WindowSwitches> {
  try {
    const settings = parseSettings(set);
    const other = Object.keys(settings).find((name) => !SHOWN.includes(name));
    if (other !== undefined) {
      refuse(
        `${other} makes no difference to a QEMU without KVM and passed-through devices; ${enumerated(SHOWN)} do`,
      );
    }
    return settings as Partial<WindowSwitches>;
  } catch (error) {
    if (error instanceof SettingsError) throw new CallError(error.message, 'live');
    throw error;
  }
}

/** The machine versions to ask: those that were typed, of those that this QEMU has. @throws CallError */
export function machinesOf(
  typed: readonly string[],
  versions: readonly MachineVersion[],
): readonly MachineVersion[] {
  for (const name of typed) {
    if (versions.some((version) => version === name)) continue;
    const near = nearest(name, versions);
    const range = `this QEMU has ${versions[0]} to ${versions.at(-1)}`;
    refuse(
      `there is no machine '${excerpt(name, 80)}', ${near === undefined ? range : `did you mean ${near}`}`,
    );
  }
  return typed.length === 0 ? versions : versions.filter((version) => typed.includes(version));
}

/** The folder for findings. @throws CallError where nothing can be written into it: a run is long */
export function outFolder(typed: string): string {
  const shown = printable(typed);
  if (shown === '') return refuse('--out needs the name of a folder');
  let place = resolve(typed);
  while (!existsSync(place) && dirname(place) !== place) place = dirname(place);
  if (!statSync(place).isDirectory()) {
    return refuse(`--out: ${place === resolve(typed) ? shown : printable(place)} is no folder`);
  }
  try {
    accessSync(place, constants.W_OK);
  } catch {
    return refuse(`--out: nothing can be written to ${shown}`);
  }
  return typed;
}

/** Findings that are known, where this command stands in its repository; null elsewhere. */
export function knownFindings(): string | null {
  const folder = fileURLToPath(new URL('../../../../vectors/qemu-7.2/live', import.meta.url));
  if (!existsSync(folder)) return null;
  const fromHere = relative(process.cwd(), folder);
  return fromHere.startsWith('..') ? folder : fromHere;
}
