import {
  type Cost,
  type Effect,
  type HostDone,
  type MemoryAccessReturn,
  type TableAccess,
  type TableGroupOp,
  type ThreadId,
  unreachable,
  type VfioFileReturn,
  type VfioReturn,
} from '@spapr-dma/protocol';
import { type Answer, resultOf } from './answers.js';
import { areFree, begin, callerOf } from './calls.js';
import type { Frame } from './frames.js';
import { vfioGroupIoctlGetStatus } from './group-calls.js';
import { vfioContainerAttachGroup, vfioGroupDetachContainer } from './group-container.js';
import { type Begins, locksOf } from './locks.js';
import { mapDma } from './map-dma.js';
import { placeOf } from './places.js';
import { vfioPciRemove } from './processes.js';
import { releaseFiles } from './release-files.js';
import type { Said } from './said.js';
import { vfioIoctlSetIommu } from './set-iommu.js';
import { threadOf, type VfioHost, withThread } from './state.js';
import { BEGIN, type Resumption, type Step, type StepFunction } from './steps.js';
import { tceIommuAttachGroup } from './tce-attach-group.js';
import { tceIommuBuildV2 } from './tce-build.js';
import { tceIommuBuild } from './tce-build-v1.js';
import { tceIommuClear } from './tce-clear.js';
import { tceCreate } from './tce-create.js';
import { tceIommuCreateDefaultWindow, tceIommuCreateWindow } from './tce-create-window.js';
import { tceIommuDetachGroup } from './tce-detach-group.js';
import { tceIommuRelease } from './tce-release.js';
import { tceIommuRemoveWindow } from './tce-remove.js';
import { type Caller, idleThread, type LockName } from './thread-state.js';
import { unmapDma } from './unmap-dma.js';

/** The kernel's functions by name. */
const FUNCTIONS: { readonly [Fn in Frame['fn']]: StepFunction<Extract<Frame, { fn: Fn }>> } = {
  vfio_group_ioctl_get_status: vfioGroupIoctlGetStatus,
  vfio_container_attach_group: vfioContainerAttachGroup,
  vfio_ioctl_set_iommu: vfioIoctlSetIommu,
  tce_iommu_attach_group: tceIommuAttachGroup,
  vfio_group_detach_container: vfioGroupDetachContainer,
  tce_iommu_detach_group: tceIommuDetachGroup,
  tce_iommu_release: tceIommuRelease,
  release_files: releaseFiles,
  vfio_pci_remove: vfioPciRemove,
  tce_iommu_create_default_window: tceIommuCreateDefaultWindow,
  tce_iommu_create_window: tceIommuCreateWindow,
  tce_create: tceCreate,
  tce_iommu_remove_window: tceIommuRemoveWindow,
  map_dma: mapDma,
  unmap_dma: unmapDma,
  tce_iommu_build_v2: tceIommuBuildV2,
  tce_iommu_build: tceIommuBuild,
  tce_iommu_clear: tceIommuClear,
};

/** What VFIO sends. */
export type VfioHostMessage =
  | VfioReturn
  | HostDone
  | VfioFileReturn
  | MemoryAccessReturn
  | TableGroupOp
  | TableAccess
  | Effect
  | Cost;

/** VFIO after a message, and what it sent. */
export interface RunOutcome {
  readonly host: VfioHost;
  readonly messages: readonly VfioHostMessage[];
}

/** Gives what was said its envelope. */
export const toldBy = (thread: ThreadId, said: readonly Said[]): readonly VfioHostMessage[] =>
  said.map(
    (each): VfioHostMessage =>
      each.type === 'effect'
        ? { ...each, from: 'vfio-host', to: 'environment', thread }
        : { ...each, from: 'vfio-host', to: 'environment' },
  );

/** The answer of a call, and the thread at rest. */
function ended(host: VfioHost, thread: ThreadId, caller: Caller, answer: Answer): RunOutcome {
  const rest = withThread(host, idleThread(thread));
  const { call, from } = caller;
  if (call === 'exit' || call === 'unbind-vfio-pci') {
    const done: HostDone = { type: 'host-done', from: 'vfio-host', to: 'environment', thread, call };
    return { host: rest, messages: [done] };
  }
  const result = resultOf(answer);
  const reply: VfioReturn = { type: 'vfio-return', from: 'vfio-host', to: from, thread, call, result };
  return { host: rest, messages: [reply] };
}

function stepOf(host: VfioHost, frame: Frame, resumed: Resumption, caller: Caller): Step {
  const step = FUNCTIONS[frame.fn] as StepFunction<Frame>;
  return step(host, frame, resumed, caller.process);
}

/** A thread inside a call: what it holds beside its stack. */
interface Inside {
  readonly thread: ThreadId;
  readonly caller: Caller;
  readonly locks: readonly LockName[];
}

/**
 * Runs a thread's innermost function, and whatever it calls and returns to, until the thread waits for the
 * platform or for mutexes, or its call is done.
 */
function run(start: VfioHost, inside: Inside, frames: readonly Frame[], resume: Resumption): RunOutcome {
  const { thread, caller } = inside;
  let { locks } = inside;
  let host = start;
  let stack = frames;
  let resumed = resume;
  const messages: VfioHostMessage[] = [];
  const waiting = (wants: readonly LockName[] = []): RunOutcome => {
    const at = placeOf(caller.call, stack.at(-1)!);
    return { host: withThread(host, { thread, at, stack, caller, locks, wants }), messages };
  };
  for (;;) {
    const frame = stack.at(-1) ?? unreachable('a call without a function');
    const step = stepOf(host, frame, resumed, caller);
    host = step.host;
    messages.push(...toldBy(thread, step.said));
    const { next } = step;
    const outer = stack.slice(0, -1);
    switch (next.do) {
      case 'group':
      case 'access': {
        stack = [...outer, next.frame];
        const envelope = { from: 'vfio-host', to: 'powernv-ioda2', thread } as const;
        messages.push({ ...next.request, ...envelope } as TableGroupOp | TableAccess);
        return waiting();
      }
      case 'lock':
        stack = [...outer, next.frame];
        locks = [];
        if (next.yields || !areFree(host, next.locks, thread)) return waiting(next.locks);
        locks = next.locks;
        resumed = BEGIN;
        break;
      case 'call':
        stack = [...outer, next.frame, next.callee];
        resumed = BEGIN;
        break;
      case 'return': {
        if (outer.length === 0) {
          const end = ended(host, thread, caller, next.answer);
          return { host: end.host, messages: [...messages, ...end.messages] };
        }
        stack = outer;
        resumed = { type: 'returned', answer: next.answer };
        break;
      }
    }
  }
}

/** A thread at rest begins a call; the chart has found out that it can. */
export function began(host: VfioHost, call: Begins): RunOutcome {
  const { thread } = call;
  const caller = callerOf(call);
  const locks = locksOf(host, call);
  const begun = begin(host, call);
  const told = toldBy(thread, begun.said);
  const { host: next, messages } =
    'frame' in begun
      ? run(begun.host, { thread, caller, locks }, [begun.frame], BEGIN)
      : ended(begun.host, thread, caller, begun.answer);
  return { host: next, messages: [...told, ...messages] };
}

/** A thread that waits goes on: by an answer, or with the mutexes that it waited for. */
export function resumedBy(host: VfioHost, name: ThreadId, resumed: Resumption): RunOutcome {
  const { thread, caller, locks, wants, stack } = threadOf(host, name);
  if (caller === null) return unreachable('a thread at rest goes on');
  const held = wants.length > 0 ? wants : locks;
  return run(host, { thread, caller, locks: held }, stack, resumed);
}
