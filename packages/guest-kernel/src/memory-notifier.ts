import type { Gpa } from '@spapr-dma/protocol';
import { ddwMemoryHotplugMax } from './ddw-geometry.js';
import type { MemoryNotifierFrame } from './frames-hotplug.js';
import type { DmaWin, MemoryRange } from './guest-objects.js';
import { type GuestKernel, unlocked } from './guest-state.js';
import { call, goto, lock, type Resumption, ret, returnedRc, type Step, type StepFunction } from './steps.js';

/** Windows that map all RAM; memory beyond what RAM can reach (persistent memory) is in none of them. */
function windowsFor(kernel: GuestKernel, { gpa }: MemoryRange): readonly DmaWin[] {
  const { version } = kernel.config;
  if (version.memoryNotifier === 'all-windows') return kernel.dmaWinList;
  if (gpa >= ddwMemoryHotplugMax(kernel)) return [];
  return kernel.dmaWinList.filter((window) => window.direct);
}

/** Memory is in use from when it comes online, in the order of its addresses. */
function withMemory(kernel: GuestKernel, online: boolean, range: MemoryRange): GuestKernel {
  const others = kernel.memory.ranges.filter(({ gpa }) => gpa !== range.gpa);
  const ranges = online ? [...others, range] : others;
  ranges.sort((a, b) => (a.gpa < b.gpa ? -1 : 1));
  return { ...kernel, memory: { ...kernel.memory, ranges } };
}

const withoutHotplugNote = (kernel: GuestKernel, gpa: Gpa): GuestKernel => ({
  ...kernel,
  hotplug: kernel.hotplug.filter(({ memory }) => memory?.gpa !== gpa),
});

/**
 * Reports `memory-notified`. All windows are tried, even after a refusal. One refusal keeps memory from
 * coming online, and the windows are then cleared of it; memory that goes is gone whatever is answered.
 * The window list stays locked while the calls are made.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: iommu_mem_notifier
 * @see [Linux] mm/memory_hotplug.c: online_pages
 */
export const memoryNotifier: StepFunction<MemoryNotifierFrame> = (kernel, frame, resumed) => {
  switch (frame.at) {
    case 'begin':
      return lock(kernel, { ...frame, at: 'waitingForList' }, 'dma_win_list_lock');
    case 'waitingForList':
      return notifyNext(kernel, frame);
    case 'notifying':
      return notifyNext(kernel, { ...frame, done: frame.done + 1, failed: hasFailed(frame, resumed) });
  }
};

const hasFailed = (frame: MemoryNotifierFrame, resumed: Resumption): boolean =>
  frame.failed || returnedRc(resumed) !== 0;

function notifyNext(kernel: GuestKernel, frame: MemoryNotifierFrame): Step {
  const { action, range } = frame;
  const window = windowsFor(kernel, range)[frame.done];
  if (window === undefined) return notified(unlocked(kernel, 'dma_win_list_lock'), frame);
  const { gpa, bytes } = range;
  return call(
    kernel,
    { ...frame, at: 'notifying' },
    action === 'MEM_GOING_ONLINE'
      ? { fn: 'tce_setrange_multi_pSeriesLP', at: 'begin', window, gpa, bytes, done: 0 }
      : { fn: 'tce_clearrange_multi_pSeriesLP', at: 'begin', window, gpa, bytes, done: 0 },
  );
}

/** Every window was told. */
function notified(kernel: GuestKernel, frame: MemoryNotifierFrame): Step {
  const { range } = frame;
  if (frame.action === 'MEM_GOING_ONLINE' && frame.failed) {
    return goto(kernel, { ...frame, at: 'begin', action: 'MEM_CANCEL_ONLINE', done: 0 });
  }
  const online = frame.action === 'MEM_GOING_ONLINE';
  const next = withMemory(withoutHotplugNote(kernel, range.gpa), online, range);
  const action = frame.action === 'MEM_CANCEL_ONLINE' ? 'MEM_GOING_ONLINE' : frame.action;
  const result = frame.failed ? 'NOTIFY_BAD' : 'NOTIFY_OK';
  return ret(next, null, [{ type: 'memory-notified', action, gpa: range.gpa, result }]);
}
