import { LiveMachine, type StartTarget } from '@spapr-dma/live';
import { machineVersions, qemuLacks, qemuVersion } from '@spapr-dma/qemu-process';
import type { MachineVersion } from '@spapr-dma/qemu-spapr';
import { CallError } from '../call-error.js';

/** The QEMU that is asked: the one that is installed, or a test's. */
export interface Qemu {
  readonly version: string;
  /** Machine versions that it has, the oldest first. */
  readonly machines: readonly MachineVersion[];
  readonly start: StartTarget;
}

/** What the verb finds where it runs, or a test gives it. */
export interface Place {
  /** @throws CallError that says how to install a QEMU, where there is none */
  readonly qemu: () => Qemu;
  /** A folder of findings that are known; null where there is none. */
  readonly known: string | null;
}

/** The QEMU that is installed. @throws CallError that says how to install one, where there is none */
export function installedQemu(): Qemu {
  const lacks = qemuLacks();
  if (lacks !== null) throw new CallError(lacks, 'live');
  return {
    version: qemuVersion(),
    machines: machineVersions(),
    start: (machine) => LiveMachine.start(machine),
  };
}
