import type { KernelChoice } from './debian/kernels.js';

/** One thing done at a machine's monitor. */
export type MonitorStep =
  | { readonly execute: string; readonly arguments?: Readonly<Record<string, unknown>> }
  /** Waits until QEMU tells the event, if it did not since the last command. */
  | { readonly event: string }
  | { readonly waitSeconds: number }
  /** Moves the guest to another QEMU, which goes on with `arrived`. */
  | { readonly migrate: true };

/** What a guest may ask for, and what is done then. */
export interface Asked {
  readonly steps: readonly MonitorStep[];
  /** False where nobody is left to hear that it is done: the guest was reset, or went away. */
  readonly isAnswered?: boolean;
}

/** A guest that is recorded: the machine it runs in, and what it does there. */
export interface Scenario {
  readonly name: string;
  /** What the recording shows, as a sentence without its full stop. */
  readonly shows: string;
  readonly kernel: KernelChoice;
  /** Words for the kernel's command line, besides the console. */
  readonly append?: string;
  /** As `-m` takes it. */
  readonly memory: string;
  readonly vcpus: number;
  /** How many blank disks there are: the drives `disk0`, `disk1`, … that devices may name. */
  readonly disks: number;
  /** What else QEMU is started with. */
  readonly args: readonly string[];
  /** Whether the guest has the image of its own kernel and root file system, as /boot/vmlinux and /boot/initrd. */
  readonly hasOwnImage?: boolean;
  /** What the guest's shell runs. It may use the functions of its init, and `$boot`, the number of this boot. */
  readonly script: string;
  /** By the name that the guest asks with. */
  readonly asked?: Readonly<Record<string, Asked>>;
  /** What is done at the monitor of the machine that a guest has moved to. */
  readonly arrived?: readonly MonitorStep[];
  /** Events without which the recording does not show what it should, and those that must not be there. */
  readonly events: { readonly some: readonly string[]; readonly none?: readonly string[] };
}

/** Events that `follow` reads. */
export const TRACED = ['spapr_iommu*', 'spapr_pci_*', 'spapr_vio*', 'spapr_drc_*'] as const;
