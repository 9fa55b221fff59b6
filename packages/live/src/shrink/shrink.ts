import type { QemuCall, QemuMachine } from '@spapr-dma/trace';
import { fewer } from './fewer.js';
import { simplerCalls, simplerPhbs } from './simpler-call.js';
import { type ShrinkLimits, Tries } from './tries.js';

/** Calls, and the machine that they are made on. */
export interface LiveCase {
  readonly machine: QemuMachine;
  readonly calls: readonly QemuCall[];
}

export interface ShrinkOptions extends ShrinkLimits {
  /** Told of each candidate that still fails. */
  readonly onProgress?: (progress: { readonly tries: number; readonly calls: number }) => void;
}

/** The shortest that was found. */
export interface Shrunk extends LiveCase {
  /** Candidates that were tried. */
  readonly tries: number;
  /** No single call can be left out, and no argument can be simplified: false where the tries came to their end. */
  readonly isMinimal: boolean;
}

/** The machine with a device, a property, or its choice of a version less. */
function simplerMachines(machine: QemuMachine): QemuMachine[] {
  const phbs = machine.phbs;
  return [
    // PHB 0 is part of every machine.
    ...phbs
      .filter(({ index }) => index !== 0)
      .map((left) => ({ ...machine, phbs: phbs.filter((phb) => phb !== left) })),
    ...machine.vios.map((left) => ({ ...machine, vios: machine.vios.filter((vio) => vio !== left) })),
    ...phbs.flatMap((phb, at) =>
      simplerPhbs(phb).map((simpler) => ({ ...machine, phbs: phbs.with(at, simpler) })),
    ),
    ...(machine.machine === null ? [] : [{ ...machine, machine: null }]),
  ];
}

/**
 * Looks for fewer and simpler calls on a simpler machine that still fail. Fewer calls come first, then the machine, then
 * arguments, and all of it again until nothing helps. The same case and the same answers of `fails` give the same result.
 * @param fails may take long; it is asked about one candidate after the other
 */
export async function shrink(
  found: LiveCase,
  fails: (candidate: LiveCase) => Promise<boolean>,
  { onProgress, ...limits }: ShrinkOptions = {},
): Promise<Shrunk> {
  const tries = new Tries(fails, limits);
  let best = found;
  const isBetter = async (candidate: LiveCase): Promise<boolean> => {
    if (!(await tries.fails(candidate))) return false;
    best = candidate;
    onProgress?.({ tries: tries.count, calls: candidate.calls.length });
    return true;
  };
  /** Takes the first alternative that still fails, as often as there is one. */
  const simplify = async (alternatives: () => readonly LiveCase[]): Promise<void> => {
    for (let found = true; found; ) {
      found = false;
      for (const candidate of alternatives()) {
        if (!(await isBetter(candidate))) continue;
        found = true;
        break;
      }
    }
  };

  for (let before: LiveCase | null = null, chunk: number | undefined; before !== best; chunk = 1) {
    before = best;
    const { machine } = best;
    await fewer(best.calls, (calls) => isBetter({ machine, calls }), chunk);
    await simplify(() => simplerMachines(best.machine).map((machine) => ({ ...best, machine })));
    for (let at = 0; at < best.calls.length; at++) {
      await simplify(() => {
        const call = best.calls[at];
        return call === undefined
          ? []
          : simplerCalls(call).map((other) => ({ ...best, calls: best.calls.with(at, other) }));
      });
    }
  }
  return { ...best, tries: tries.count, isMinimal: !tries.areOver };
}
