import type { Outcome } from './account-locked-vm.js';
import type { ReleaseFrame } from './frames.js';
import { mmIommuPut, regionOf } from './mm-iommu.js';
import type { ContainerWindow } from './objects.js';
import { ran } from './said.js';
import { tceOf, type VfioHost } from './state.js';
import { askGroup, call, ret, type Step, type StepFunction } from './steps.js';
import { clearWhole } from './tce-clear.js';
import { withWindow } from './tce-create-window.js';
import { tceIommuDisable } from './tce-disable.js';
import { refundWindow } from './tce-free-table.js';

const windowOf = (host: VfioHost, { container, num }: ReleaseFrame): ContainerWindow | null =>
  tceOf(host, container)?.windows[num as 0 | 1] ?? null;

function freeTable(host: VfioHost, frame: ReleaseFrame, window: ContainerWindow): Step {
  const request = { type: 'iommu_tce_table_put', table: window.facts.table } as const;
  return askGroup(host, { ...frame, at: 'freeingTable' }, request);
}

/** Registrations end, the newest first; one that TCEs still point into stays for ever. */
function putRegions(start: Outcome, frame: ReleaseFrame): Outcome {
  const { container, mm } = frame;
  const preregs = tceOf(start.host, container)?.preregs ?? [];
  const owner = tceOf(start.host, container)?.mm ?? mm;
  return preregs.reduce<Outcome>((before, region) => {
    if (owner === null || regionOf(before.host, owner, region) === undefined) return before;
    const put = mmIommuPut(before.host, owner, region);
    return { host: put.host, rc: 0, said: [...before.said, ...put.said] };
  }, start);
}

/** The next table goes; behind the last one the registrations, and what was charged at ENABLE. */
function nextTable(host: VfioHost, frame: ReleaseFrame): Step {
  for (let num = frame.num; num < 2; num += 1) {
    const at = { ...frame, num: num as 0 | 1 };
    const window = windowOf(host, at);
    if (window === null) continue;
    if (host.config.switches.clearOnDetach !== 'no') return freeTable(host, at, window);
    return call(host, { ...at, at: 'clearing' }, clearWhole({ ...at, facts: window.facts }));
  }
  const put = putRegions({ host, rc: 0, said: [] }, frame);
  const disabled = tceIommuDisable(put.host, frame.container, frame.mm);
  return ret(disabled.host, 0, [...put.said, ...disabled.said]);
}

/**
 * Ends the driver's part of a container: its tables, its registrations and its charges. No group is left in it.
 * Tables that no leaving group has cleared are cleared here.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_release
 */
export const tceIommuRelease: StepFunction<ReleaseFrame> = (host, frame) => {
  switch (frame.at) {
    case 'entered': {
      const step = nextTable(host, frame);
      return { ...step, said: [ran('tce_iommu_release', { container: frame.container }), ...step.said] };
    }
    case 'clearing': {
      const window = windowOf(host, frame);
      return window === null ? nextTable(host, frame) : freeTable(host, frame, window);
    }
    case 'freeingTable': {
      const window = windowOf(host, frame);
      const num = frame.num as 0 | 1;
      const next = { ...frame, num: (num + 1) as 1 | 2 };
      if (window === null) return nextTable(host, next);
      const refund = refundWindow(host, frame.mm, window);
      const step = nextTable(withWindow(refund.host, frame.container, num, null), next);
      return { ...step, said: [...refund.said, ...step.said] };
    }
  }
};
