import { callsFinish } from './l-01-calls-finish.js';
import { stallBudget } from './l-02-stall-budget.js';
import { catchesUp } from './l-03-catches-up.js';
import { afterUnplug } from './l-04-after-unplug.js';
import { afterExit } from './l-05-after-exit.js';
import { defaultWindow } from './l-06-default-window.js';
import { rcuOrder } from './l-07-rcu-order.js';
import { handlers } from './l-08-handlers.js';
import { hostDma } from './l-09-host-dma.js';
import type { AnyProperty } from './property.js';
import { backedTranslations } from './s-01-backed-translations.js';
import { countExactness } from './s-02-count-exactness.js';
import { noStaleTranslation } from './s-03-no-stale-translation.js';
import { viewAgreement } from './s-04-view-agreement.js';
import { noLostUpdate } from './s-05-no-lost-update.js';
import { deviceBase } from './s-06-device-base.js';
import { noFreedTable } from './s-07-no-freed-table.js';
import { containerCoherence } from './s-08-container-coherence.js';
import { oneNotifier } from './s-09-one-notifier.js';
import { indexRange } from './s-10-index-range.js';
import { accounting } from './s-11-accounting.js';
import { referenceBalance } from './s-12-reference-balance.js';
import { geometry } from './s-13-geometry.js';
import { exclusiveOwner } from './s-14-exclusive-owner.js';
import { regionDisjointness } from './s-15-region-disjointness.js';
import { flagDiscipline } from './s-16-flag-discipline.js';
import { liobnUniqueness } from './s-17-liobn-uniqueness.js';
import { monotoneReplay } from './s-18-monotone-replay.js';
import { errorTransparency } from './s-19-error-transparency.js';
import { newWindowEmpty } from './s-20-new-window-empty.js';
import { noAbort } from './s-21-no-abort.js';

/** What is held against every step of a run, in the order of the names. */
export const PROPERTIES: readonly AnyProperty[] = [
  backedTranslations,
  countExactness,
  noStaleTranslation,
  viewAgreement,
  noLostUpdate,
  deviceBase,
  noFreedTable,
  containerCoherence,
  oneNotifier,
  indexRange,
  accounting,
  referenceBalance,
  geometry,
  exclusiveOwner,
  regionDisjointness,
  flagDiscipline,
  liobnUniqueness,
  monotoneReplay,
  errorTransparency,
  newWindowEmpty,
  noAbort,
  callsFinish,
  stallBudget,
  catchesUp,
  afterUnplug,
  afterExit,
  defaultWindow,
  rcuOrder,
  handlers,
  hostDma,
];
