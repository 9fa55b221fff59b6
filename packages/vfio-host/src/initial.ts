import type { Bytes, GroupId, ProcessId, ThreadId, Vma } from '@spapr-dma/protocol';
import { VFIO_HOST_6_12, type VfioHostConfig } from './config.js';
import { mapped } from './memory.js';
import { byText, mmOf, processOf, type VfioHost, withMm, withNewProcess } from './state.js';
import { idleThread } from './thread-state.js';

/** What VFIO begins with; what is left out is as in Linux 6.12, without groups and processes. */
export interface VfioHostInput {
  readonly config?: Partial<VfioHostConfig>;
  /** Devices that vfio-pci is bound to, by group. */
  readonly groups?: readonly { readonly group: GroupId; readonly devices: readonly string[] }[];
  /** Any other process comes into being with its first message, without memory and without a limit. */
  readonly processes?: readonly {
    readonly process: ProcessId;
    readonly vmas?: readonly Vma[];
    /** RLIMIT_MEMLOCK in bytes, null for no limit. */
    readonly memlock?: Bytes | null;
    readonly capIpcLock?: boolean;
  }[];
}

/** VFIO before its first call. */
export function initialVfioHost(input: VfioHostInput, threads: readonly ThreadId[]): VfioHost {
  const { config, groups = [], processes = [] } = input;
  const empty: VfioHost = {
    config: { ...VFIO_HOST_6_12, ...config },
    mms: [],
    processes: [],
    groups: groups
      .map(({ group, devices }) => ({ group, devices: [...devices].sort(byText), container: null }))
      .sort((a, b) => a.group - b.group),
    containers: [],
    freeing: [],
    threads: threads.map(idleThread),
  };
  return processes.reduce((host, { process, vmas = [], memlock = null, capIpcLock = false }) => {
    const next = withNewProcess(host, process);
    const mm = mmOf(next, processOf(next, process)!.mm)!;
    return withMm(next, { ...mm, vmas: vmas.reduce(mapped, mm.vmas), memlock, capIpcLock });
  }, empty);
}
